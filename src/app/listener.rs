//! Listening: from an address to the handlers.

use super::upgrading::Upgrades;
use crate::broker::Broker;
use crate::transport::door::Door;
use crate::transport::watched::Watched;
use crate::ws::pulse::Pulse;
use crate::{http, thread_priority, ws};
use actix_codec::Framed;
use actix_http::error::DispatchError;
use actix_http::h1::Codec;
use actix_http::{HttpServiceBuilder, Request};
use actix_server::{Server, ServerHandle};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_factory, fn_service, map_config,
};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Connections that the kernel has taken and the broker has not: all of a centre's may come at once.
const BACKLOG: i32 = 65_535;

/// Connections that wait are taken from here on.
///
/// # Errors
/// If the address cannot be listened on.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves the broker there. Answers the address with the port that was found, what stops the server, and
/// what ends with it.
///
/// # Errors
/// If the listener is none.
pub(super) fn serve(
    listener: TcpListener,
    door: Door,
    broker: &web::Data<Broker>,
    workers: usize,
    routes: fn(&mut web::ServiceConfig),
) -> io::Result<(SocketAddr, ServerHandle, JoinHandle<io::Result<()>>)> {
    let address = listener.local_addr()?;
    // A worker that is full is passed over, so together they take what the bound says.
    let per_worker = broker.limits.connections_max.div_ceil(workers);
    let broker = broker.clone();
    let begun = Arc::new(AtomicUsize::new(0));
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections(per_worker)
        .disable_signals()
        .listen("licence-broker", listener, move || {
            thread_priority::on_its_own(begun.fetch_add(1, Ordering::Relaxed), workers);
            let door = door.clone();
            let accept = move |stream: TcpStream| {
                let accepting = door.clone().accept(stream);
                async move {
                    let connection = accepting.await.map_err(DispatchError::Io)?;
                    let peer = connection.peer();
                    Ok((connection, peer))
                }
            };
            fn_service(accept).and_then(http_service(&broker, routes))
        })?
        .run();
    let handle = server.handle();
    Ok((address, handle, tokio::spawn(server)))
}

/// One worker's handlers, spoken to in HTTP/1.1.
fn http_service(
    broker: &web::Data<Broker>,
    routes: fn(&mut web::ServiceConfig),
) -> impl ServiceFactory<
    (Watched, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> + use<> {
    let heartbeat = broker.heartbeat;
    let connections = broker.admission.connections().clone();
    let pulse = Pulse::begin(broker);
    let upgrade = upgrades(broker, &pulse, routes);
    HttpServiceBuilder::default()
        .keep_alive(broker.limits.keep_alive)
        // The head of the first request is timed like all others, by the connection.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(Duration::from_secs(1))
        // A peer that has closed its half is gone; waiting for more of it leaves sockets in CLOSE_WAIT.
        .h1_allow_half_closed(false)
        .on_connect_ext(move |connection: &Watched, extensions| {
            ws::tcp::prepare(connection.tcp(), heartbeat, extensions);
            extensions.insert(Rc::new(connections.accepted()));
            extensions.insert(connection.pace());
        })
        .upgrade(upgrade)
        .h1(application(broker, &pulse, routes)
            .map_err(|error| error.as_response_error().error_response()))
}

/// What answers requests to become a socket.
fn upgrades(
    broker: &web::Data<Broker>,
    pulse: &Rc<Pulse>,
    routes: fn(&mut web::ServiceConfig),
) -> impl ServiceFactory<
    (Request, Framed<Watched, Codec>),
    Config = (),
    Response = (),
    Error = actix_web::Error,
    InitError = (),
> + use<> {
    let made = application(broker, pulse, routes);
    let (broker, pulse) = (broker.clone(), Rc::clone(pulse));
    fn_factory(move || {
        let (making, broker, pulse) = (made.new_service(()), broker.clone(), Rc::clone(&pulse));
        async move {
            let upgrades = Rc::new(Upgrades { application: making.await?, broker, pulse });
            Ok(fn_service(move |(request, framed)| Rc::clone(&upgrades).answer(request, framed)))
        }
    })
}

/// Everything that answers requests, those to become a socket among them.
fn application(
    broker: &web::Data<Broker>,
    pulse: &Rc<Pulse>,
    routes: fn(&mut web::ServiceConfig),
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = ServiceResponse<BoxBody>,
    Error = actix_web::Error,
    InitError = (),
> + use<> {
    let app = App::new()
        .wrap(from_fn(http::refuse_two_readings))
        .wrap(http::headers())
        .wrap(http::transport_security(broker.serves_tls))
        .wrap(from_fn(http::keep_pace))
        .wrap(from_fn(http::observe))
        .app_data(broker.clone())
        .app_data(Rc::clone(pulse))
        .route(ws::upgrade::SESSION_PATH, web::get().to(ws::upgrade::session))
        .route("/v1/organisations/{org}/live", web::get().to(ws::upgrade::live))
        .configure(routes)
        .configure(http::configure);
    map_config(IntoServiceFactory::<_, Request>::into_factory(app), |()| AppConfig::default())
}
