//! Names of stores that move, through the dial that a shared quota uses, over a scripted resolver.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::dial::tests::{Door, HOST, Script, block_on, opening};
use super::*;

/// Dials a peer at [`HOST`] `dials` times. Tells the code of each end (a server that closes at once is a
/// [`Code::TransportTls`]), how many connections loopback saw, and how many questions were asked.
fn dial(
    peer: fn(String, u16) -> Peer,
    answers: &[&[&str]],
    opened: &[&str],
    dials: usize,
) -> (Vec<Option<Code>>, usize, usize) {
    let script = Script::new(&answers.iter().map(|ips| ips.to_vec()).collect::<Vec<_>>());
    block_on(async {
        let door = Door::open().await;
        let (peer, settings) = (peer(HOST.to_owned(), door.port), opening(opened));
        let mut ended = Vec::new();
        for _ in 0..dials {
            ended.push(peer.dial_by(Resolver::Script(script.clone()), &settings).await.err().map(|error| error.code()));
        }
        (ended, door.seen().await, script.asked())
    })
}

const REACHED: Option<Code> = Some(Code::TransportTls);
const BLOCKED: Option<Code> = Some(Code::PolicyAddressBlocked);

#[test]
fn a_store_over_tls_is_judged_at_each_dial() {
    for moved in ["10.0.0.1", "169.254.169.254", "::1", "127.0.0.2"] {
        let ended = dial(Peer::tls, &[&["127.0.0.1"], &[moved]], &["127.0.0.1"], 3);
        assert_eq!(ended, (vec![REACHED, BLOCKED, BLOCKED], 1, 3), "{moved}");
    }
}

#[test]
fn a_store_is_dialled_where_it_was_judged_and_at_no_mixed_answer() {
    assert_eq!(dial(Peer::tls, &[&["127.0.0.1"], &["10.0.0.1"]], &["127.0.0.1"], 1), (vec![REACHED], 1, 1));
    assert_eq!(dial(Peer::tls, &[&["127.0.0.1"]], &[], 1), (vec![BLOCKED], 0, 1));
    for mixed in [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"]] {
        assert_eq!(dial(Peer::tls, &[&mixed], &["127.0.0.1"], 1), (vec![BLOCKED], 0, 1), "{mixed:?}");
    }
}

#[test]
fn a_store_in_clear_is_on_this_machine_or_nowhere() {
    assert_eq!(dial(Peer::loopback, &[&["127.0.0.1"]], &[], 1), (vec![None], 1, 1));
    for away in [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"]] {
        // What `networks=` opens does not open a way in clear.
        let opened = ["127.0.0.0/8", "10.0.0.0/8"];
        assert_eq!(dial(Peer::loopback, &[&away], &opened, 1), (vec![BLOCKED], 0, 1), "{away:?}");
    }
    let moved = dial(Peer::loopback, &[&["127.0.0.1"], &["10.0.0.1"]], &["10.0.0.0/8"], 2);
    assert_eq!(moved, (vec![None, BLOCKED], 1, 2));
}
