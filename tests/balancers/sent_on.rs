//! Whoever came to the wrong node is sent on, and never past the balancer.

use crate::balancer::Kind;
use crate::cluster::{Cluster, NAMES, ORGANISATION};
use crate::support::socket::Heard;
use crate::support::until::until_seen;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

#[tokio::test]
async fn wherever_an_organisation_is_moved_requests_and_sockets_are_led_there_by_the_balancer() {
    for kind in Kind::installed() {
        let Some(cluster) = Cluster::start(kind).await else { return };
        let home = cluster.balancer.url("");
        let mut sent_on = 0;
        for name in NAMES {
            cluster.move_to(name).await;
            let there = cluster.balancer.url(&format!("/node/{name}"));
            let path = format!("/v1/organisations/{ORGANISATION}");
            assert_eq!(cluster.operator().get(&path).await["id"], ORGANISATION, "{kind:?} {name}");

            let plain = Client::builder().redirect(Policy::none()).build().unwrap();
            let token = cluster.operator().token().to_owned();
            let answer =
                plain.get(format!("{home}{path}")).bearer_auth(token).send().await.unwrap();
            let (socket, heard) = cluster.login(&home).await;
            if answer.status() == StatusCode::TEMPORARY_REDIRECT {
                sent_on += 1;
                assert_eq!(answer.headers()["location"], format!("{there}{path}"), "{kind:?}");
                assert_eq!(heard, Heard::Closed(4002, there.clone()), "{kind:?}");
                let (socket, heard) = cluster.login(&there).await;
                assert!(is_in(&heard), "{kind:?} {name}: {heard:?}");
                socket.log_out().await;
            } else {
                assert!(is_in(&heard), "{kind:?} {name}: {heard:?}");
                socket.log_out().await;
            }
        }
        assert_eq!(sent_on, NAMES.len() - 1, "{kind:?}: the balancer's own choice is one of them");
    }
}

#[tokio::test]
async fn whoever_is_sent_to_a_node_that_died_is_let_in_elsewhere_once_its_lease_is_over() {
    for kind in Kind::installed() {
        let Some(mut cluster) = Cluster::start(kind).await else { return };
        cluster.move_to("b").await;
        cluster.kill("b");
        let home = cluster.balancer.url("");
        let socket = until_seen("a login without the node that died", async || {
            let (socket, heard) = cluster.login(&home).await;
            is_in(&heard).then_some(socket)
        })
        .await;
        socket.log_out().await;
    }
}

fn is_in(heard: &Heard) -> bool {
    match heard {
        Heard::Message(message) => message["type"] == "logged_in",
        Heard::Closed(..) | Heard::Ended => false,
    }
}
