//! The bare server: actix-web and actix-web-actors as they come, no middleware, no store, no rules. It
//! takes the upgrade of a device's session and says every text back.

use std::io::Write;

use actix::{Actor, ActorContext, StreamHandler};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, web};
use actix_web_actors::ws::{self, Message, ProtocolError, WebsocketContext};
use anyhow::{Context, Result};
use tokio::io::AsyncReadExt;

use crate::baseline::options::EchoServer;
use crate::limits::LISTEN_BACKLOG;
use crate::wire::SUBPROTOCOL;

/// Serves on a free port of loopback, which it names on standard output, until standard input ends: so
/// it does not outlive whoever started it.
///
/// # Errors
///
/// Where it cannot listen, or not say where.
pub(crate) async fn serve(options: &EchoServer) -> Result<bool> {
    let app = || App::new().route("/v1/organisations/{org}/session", web::get().to(upgrade));
    let server = HttpServer::new(app)
        .workers(options.workers)
        .backlog(LISTEN_BACKLOG)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .context("the bare server cannot listen")?;
    let address = *server.addrs().first().context("the bare server has no address")?;
    let server = server.run();
    let handle = server.handle();
    let serving = tokio::spawn(server);
    writeln!(std::io::stdout(), "{address}").context("standard output")?;
    // What is said there, or how it ends, does not matter.
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    handle.stop(false).await;
    serving.await.context("the bare server broke")?.context("the bare server")?;
    Ok(true)
}

/// One connection: nothing is kept for it.
struct Echo;

impl Actor for Echo {
    type Context = WebsocketContext<Self>;
}

impl StreamHandler<Result<Message, ProtocolError>> for Echo {
    fn handle(&mut self, message: Result<Message, ProtocolError>, wire: &mut Self::Context) {
        match message {
            Ok(Message::Text(text)) => wire.text(text),
            Ok(Message::Binary(bytes)) => wire.binary(bytes),
            Ok(Message::Ping(bytes)) => wire.pong(&bytes),
            Ok(Message::Pong(_) | Message::Continuation(_) | Message::Nop) => {}
            Ok(Message::Close(_)) | Err(_) => wire.stop(),
        }
    }
}

async fn upgrade(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Error> {
    ws::WsResponseBuilder::new(Echo, &request, payload).protocols(&[SUBPROTOCOL]).start()
}
