//! Listening: from an address to the handlers.

use super::entrance::Entrance;
use super::upgrading::Upgrades;
use crate::broker::Broker;
use crate::limits::Heartbeat;
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
pub(super) fn bind(address: SocketAddr, heartbeat: Heartbeat) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    ws::tcp::prepare(&socket, heartbeat)?;
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
            connections(door.clone(), broker.clone(), routes)
        })?
        .run();
    let handle = server.handle();
    Ok((address, handle, tokio::spawn(server)))
}

/// What answers connections.
fn connections(
    door: Door,
    broker: web::Data<Broker>,
    routes: fn(&mut web::ServiceConfig),
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
+ use<> {
    fn_factory(move || {
        let (door, broker) = (door.clone(), broker.clone());
        async move {
            let pulse = Pulse::begin(&broker);
            let http = http_service(&broker, &pulse, routes).new_service(()).await?;
            let entrance = Entrance::new(door, broker, pulse, http);
            Ok(fn_service(move |stream| Rc::clone(&entrance).serve(stream)))
        }
    })
}

/// One worker's handlers, spoken to in HTTP/1.1.
fn http_service(
    broker: &web::Data<Broker>,
    pulse: &Rc<Pulse>,
    routes: fn(&mut web::ServiceConfig),
) -> impl ServiceFactory<
    (Watched, Option<SocketAddr>),
    Config = (),
    Response = (),
    Error = DispatchError,
    InitError = (),
> + use<> {
    let upgrade = upgrades(broker, pulse, routes);
    HttpServiceBuilder::default()
        .keep_alive(broker.limits.keep_alive)
        // The head of the first request is timed like all others, by the connection.
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(Duration::from_secs(1))
        // A peer that has closed its half is gone; waiting for more of it leaves sockets in CLOSE_WAIT.
        .h1_allow_half_closed(false)
        .on_connect_ext(|connection: &Watched, known| known.extend(connection.known()))
        .upgrade(upgrade)
        .h1(application(broker, pulse, routes)
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
    fn_factory(move || {
        let making = made.new_service(());
        async move {
            let upgrades = Rc::new(Upgrades { application: making.await? });
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
