//! An endpoint that sends back whatever text it is sent, over the sessions of the product: the same
//! server, gate, codec, bounds and closing as a device has, with another [`Peer`] at the end.

use crate::support::broker::{Setup, TestBroker};
use actix_web::{Error, HttpRequest, HttpResponse, web};
use licence_broker::broker::Broker;
use licence_broker::domain::ids::OrganisationId;
use licence_broker::domain::reason::Departure;
use licence_broker::ws::session::{self, Connection, Flow, Peer, Who, Wire};
use licence_broker::ws::upgrade::Asked;
use std::time::Duration;

/// Where it is.
pub(crate) const PATH: &str = "/echo";

/// A broker that has the endpoint beside its own.
pub(crate) async fn start() -> TestBroker {
    let routes = |config: &mut web::ServiceConfig| {
        config.route(PATH, web::get().to(upgrade));
    };
    TestBroker::with(Setup { routes, ..Setup::default() }).await
}

struct Echo;

impl Peer for Echo {
    const IS_RESTLESS: bool = false;

    fn on_message(&mut self, _: &Connection, text: &str, wire: &mut Wire<Self>) -> Flow {
        session::send(wire, text.into());
        Flow::Continue
    }

    fn may_read(&self) -> bool {
        true
    }

    fn may_answer(&self, _: &Connection) -> bool {
        true
    }

    fn who(&self) -> Who {
        let organisation = OrganisationId::new(1).expect("a number");
        Who { organisation, link: None, session: None }
    }

    fn is_identified(&self) -> bool {
        true
    }

    fn seen(&mut self, _: Duration) {}

    fn on_beat(&mut self, _: &Connection) -> Flow {
        Flow::Continue
    }

    fn on_end(&mut self, _: Departure) {}
}

async fn upgrade(broker: web::Data<Broker>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let asked = Asked::of(&request);
    Ok(session::start(asked.head, Connection::new(broker, &asked)?, Echo)?.into())
}
