//! The same work by a native loop over reqwest: same allocator, same time limits, whole body read.
//! Usage: `native sync|async URL CA_FILE SECONDS IN_FLIGHT`; prints the number of requests.

use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

async fn one(client: &reqwest::Client, url: &str) {
    let body = client.get(url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(body.len(), 1024);
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, url, ca, seconds, in_flight] = arguments.as_slice() else { panic!("see the source") };
    let length = Duration::from_secs_f64(seconds.parse().unwrap());
    let ca = reqwest::Certificate::from_pem(&std::fs::read(ca).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([ca])
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .timeout(Duration::from_secs(90))
        .no_proxy()
        .build()
        .unwrap();
    let begun = Instant::now();
    let mut count = 0u64;
    if kind == "sync" {
        while begun.elapsed() < length {
            runtime.block_on(one(&client, url));
            count += 1;
        }
    } else {
        let in_flight: usize = in_flight.parse().unwrap();
        count = runtime.block_on(async {
            let tasks: Vec<_> = (0..in_flight)
                .map(|_| {
                    let (client, url) = (client.clone(), url.clone());
                    tokio::spawn(async move {
                        let mut count = 0u64;
                        while begun.elapsed() < length {
                            one(&client, &url).await;
                            count += 1;
                        }
                        count
                    })
                })
                .collect();
            let mut total = 0;
            for task in tasks {
                total += task.await.unwrap();
            }
            total
        });
    }
    println!("{count}");
}
