//! Names that move between and during dials, through the connector that clients use, over a scripted resolver.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::super::Tls;
use super::*;

pub(in crate::transport) const HOST: &str = "moves.test";
/// The only addresses of the vectors' moving names that are public.
const PUBLIC: [&str; 2] = ["93.184.215.14", "2606:4700::1111"];

/// One answer a question, the last of them repeated.
#[derive(Clone)]
pub(in crate::transport) struct Script {
    answers: Arc<Vec<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Script {
    pub(in crate::transport) fn new<T: AsRef<str>>(answers: &[Vec<T>]) -> Self {
        let parse = |ips: &Vec<T>| ips.iter().map(|ip| ip.as_ref().parse().unwrap()).collect();
        Self { answers: Arc::new(answers.iter().map(parse).collect()), asked: Arc::default() }
    }

    pub(super) fn answer(&self) -> Vec<SocketAddr> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let ips = self.answers.get(number).or(self.answers.last()).unwrap();
        ips.iter().map(|ip| SocketAddr::new(*ip, 0)).collect()
    }

    pub(in crate::transport) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// How a dial ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// At a server, which then said nothing of TLS.
    Reached,
    Blocked,
}

/// Settings that open `networks` for [`HOST`].
pub(in crate::transport) fn opening(networks: &[&str]) -> Settings {
    let opened: Vec<String> = networks.iter().map(|text| (*text).to_owned()).collect();
    Settings {
        tls: Tls::default().base().unwrap(),
        networks: Networks::none().open(HOST, &opened).unwrap(),
        connect_timeout: Duration::from_secs(5),
        local_address: None,
        proxy: None,
        shown_to: Vec::new(),
    }
}

/// A port on loopback that hangs up on everybody.
pub(in crate::transport) struct Door {
    pub(in crate::transport) port: u16,
    counter: Arc<AtomicUsize>,
}

impl Door {
    pub(in crate::transport) async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let door = Self { port, counter: Arc::default() };
        let counter = door.counter.clone();
        drop(tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }));
        door
    }

    /// How many connections came, the last call's own left out: all that were made are counted when that one is.
    pub(in crate::transport) async fn seen(self) -> usize {
        let mut own = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.unwrap();
        assert_eq!(own.read(&mut [0]).await.unwrap(), 0);
        self.counter.load(Ordering::Relaxed) - 1
    }
}

/// Dials [`HOST`] once for each of `dials` on connections of one client, with `networks` opened for it. Tells how each ended,
/// how many connections this machine's own address saw, and how many questions were asked.
fn dial(answers: &[Vec<&str>], networks: &[&str], dials: usize) -> (Vec<Ended>, usize, usize) {
    let settings = opening(networks);
    let script = Script::new(answers);
    block_on(async {
        let door = Door::open().await;
        let origin = Origin::parse(&format!("{HOST}:{}", door.port)).unwrap();
        let connectors = Connectors::asking(Resolver::Script(script.clone()), &settings);
        let mut ended = Vec::new();
        for _ in 0..dials {
            let uri = format!("https://{}/", origin.authority()).parse().unwrap();
            ended.push(how(&*connectors.to(&origin).call(uri).await.err().unwrap()));
        }
        (ended, door.seen().await, script.asked())
    })
}

fn how(error: &(dyn StdError + 'static)) -> Ended {
    match error.downcast_ref::<Refused>() {
        Some(Refused::Blocked(_)) => Ended::Blocked,
        Some(other) => unreachable!("{other:?}"),
        None => error.source().map_or(Ended::Reached, how),
    }
}

pub(in crate::transport) fn block_on<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn a_name_that_moves_between_two_dials_is_judged_at_each() {
    for moved in ["10.0.0.1", "169.254.169.254", "::1", "127.0.0.2"] {
        let (ended, seen, asked) = dial(&[vec!["127.0.0.1"], vec![moved]], &["127.0.0.1"], 3);
        assert_eq!(ended, [Ended::Reached, Ended::Blocked, Ended::Blocked], "{moved}");
        assert_eq!((seen, asked), (1, 3), "{moved}");
    }
}

#[test]
fn a_name_that_stays_is_reached_each_time() {
    assert_eq!(dial(&[vec!["127.0.0.1"]], &["127.0.0.1"], 2), (vec![Ended::Reached, Ended::Reached], 2, 2));
}

#[test]
fn a_dial_asks_once_and_goes_where_it_was_judged() {
    // Whoever asked a second time would dial what nobody judged.
    assert_eq!(dial(&[vec!["127.0.0.1"], vec!["10.0.0.1"]], &["127.0.0.1"], 1), (vec![Ended::Reached], 1, 1));
    assert_eq!(
        dial(&[vec![PUBLIC[0], "10.0.0.1"], vec!["127.0.0.1"]], &["127.0.0.1"], 1),
        (vec![Ended::Blocked], 0, 1)
    );
}

#[test]
fn a_refused_address_is_not_dialled() {
    assert_eq!(dial(&[vec!["127.0.0.1"]], &[], 1), (vec![Ended::Blocked], 0, 1));
}

#[test]
fn a_mixed_answer_dials_not_even_its_allowed_address() {
    for mixed in [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1", "::1"]] {
        assert_eq!(dial(&[mixed.to_vec()], &["127.0.0.1"], 1), (vec![Ended::Blocked], 0, 1), "{mixed:?}");
    }
}

/// The rows of `tests/vectors/ssrf.json` whose answers change from one question to the next.
#[test]
fn of_the_moving_vectors_public_answers_alone_pass() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/ssrf.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let moving: Vec<Vec<Vec<String>>> =
        rows.iter().filter_map(|row| serde_json::from_value(row.get("dns_seq")?.clone()).ok()).collect();
    assert_eq!(moving.len(), 3);
    for answers in moving {
        let guard = Guard { resolver: Resolver::Script(Script::new(&answers)), networks: Networks::none() };
        for answer in &answers {
            let judged = block_on(guard.clone().resolve(HOST.to_owned()));
            let ips: Option<Vec<String>> = judged.ok().map(|found| found.map(|to| to.ip().to_string()).collect());
            let expected = answer.iter().all(|ip| PUBLIC.contains(&ip.as_str())).then(|| answer.clone());
            assert_eq!(ips, expected);
        }
    }
}
