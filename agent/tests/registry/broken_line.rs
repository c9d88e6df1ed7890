//! A line that breaks at any point: what has arrived is never fetched again, and the image is the same in the end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::response::IntoResponse;
use porthole_protocol::image::LayerState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::liar::{Contents, Liar, broken};
use super::real::Real;
use super::store::{asked, contents, digest_of, image, large_layer, layer_dirs, load, open, pull};
use porthole::image::{Digest, Step};

/// What of an answer is passed on before the line is cut, at most, in bytes.
const LONGEST_PIECE: u64 = 700_000;

/// Passes connections on to a registry and cuts each one somewhere; counts the bytes that came through.
async fn line(to: String, passed: Arc<AtomicU64>) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let mut line = JoinSet::new();
    line.spawn(async move {
        let mut connections = JoinSet::new();
        let mut seed = 88_172_645_463_325_252_u64;
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let (to, passed) = (to.clone(), Arc::clone(&passed));
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let mut left = 100_000 + seed % LONGEST_PIECE;
            connections.spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                let (mut near_read, mut near_write) = near.split();
                let (mut far_read, mut far_write) = far.split();
                let there = tokio::io::copy(&mut near_read, &mut far_write);
                let back = async {
                    let mut buffer = vec![0; 16 * 1024];
                    while left > 0 {
                        let n = far_read.read(&mut buffer).await.unwrap_or(0);
                        if n == 0 || near_write.write_all(&buffer[..n]).await.is_err() {
                            break;
                        }
                        passed.fetch_add(n as u64, Ordering::Relaxed);
                        left = left.saturating_sub(n as u64);
                    }
                };
                tokio::select! {
                    _ = there => {}
                    () = back => {}
                }
            });
        }
    });
    (host, line)
}

#[tokio::test]
async fn a_pull_over_a_line_that_breaks_fetches_every_byte_once() {
    let Some(registry) = Real::start("a_pull_over_a_line_that_breaks_fetches_every_byte_once") else {
        return;
    };
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = image(&[large_layer("srv/one", 5_000_000), large_layer("srv/two", 4_000_000)]);
    let images = open(here.path()).await;
    let name = format!("{}/tool:1", registry.host);
    load(&images, &made, &name).await;
    images.push(&asked(&name)).unwrap().arrived().await.unwrap();

    let passed = Arc::new(AtomicU64::new(0));
    let (host, _line) = line(registry.host.clone(), Arc::clone(&passed)).await;
    let images = open(there.path()).await;
    let mut waiting = images.pull(&asked(&format!("{host}/tool:1"))).unwrap();
    let mut retried = false;
    let arrived = loop {
        match waiting.next(Instant::now()).await {
            Step::Progress(transfer) => {
                retried |= transfer.layers.iter().any(|layer| layer.state == LayerState::Retrying);
            }
            Step::Ended(outcome) => break outcome.unwrap(),
        }
    };
    assert_eq!(arrived.digest, digest_of(&made));
    assert!(retried, "the line broke");
    let dirs = layer_dirs(there.path(), &arrived);
    assert_eq!(std::fs::metadata(dirs[0].join("srv/two")).unwrap().len(), 4_000_000);
    // What was on the line when it was cut comes again, and so do the heads of answers; nothing else.
    let once: usize = made.layers.iter().map(Vec::len).sum();
    let more = passed.load(Ordering::Relaxed) - once as u64;
    assert!(more < once as u64 / 2, "{more} bytes came more than once, of {once}");
}

#[tokio::test]
async fn a_pull_that_was_given_up_goes_on_where_it_was_also_after_a_restart() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED a_pull_that_was_given_up: needs root");
    }
    let made = image(&[large_layer("srv/one", 2_000_000)]);
    let large = Digest::of(&made.layers[1]).to_string();
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    // One that sends half of the layer and then nothing.
    let digest = large.clone();
    let silent = move |asked: &super::liar::Asked, contents: &Contents| {
        let pieces = |bytes: Bytes| {
            let first = futures_util::stream::iter([Ok::<_, std::io::Error>(bytes.slice(..bytes.len() / 2))]);
            futures_util::StreamExt::chain(first, futures_util::stream::pending())
        };
        (asked.path.ends_with(&digest) && asked.range.is_none())
            .then(|| axum::body::Body::from_stream(pieces(contents.get(&digest))).into_response())
    };
    let registry = Liar::start(Contents::default().image(&made, "1"), Arc::new(silent)).await;
    let name = format!("{}/tool:1", registry.host);
    let mut waiting = images.pull(&asked(&name)).unwrap();
    let wanted = made.layers[1].len() as u64 / 2;
    loop {
        match waiting.next(Instant::now()).await {
            Step::Progress(transfer) if transfer.layers.iter().any(|layer| layer.done_bytes == wanted) => {
                break;
            }
            Step::Progress(_) => {}
            Step::Ended(outcome) => panic!("{outcome:?}"),
        }
    }
    drop(waiting);
    images.close().await;
    assert!(images.list().is_empty());
    let kept = images.download_bytes().await.unwrap();
    assert!(kept >= wanted, "{kept} of {wanted} bytes are kept");
    assert!(std::fs::read_dir(state.path().join("layers")).unwrap().next().is_none());
    drop(images);

    let images = open(state.path()).await;
    let arrived = pull(&images, &name).await.unwrap();
    assert_eq!(arrived.digest, digest_of(&made));
    let ranges: Vec<_> = registry.asked(&large).into_iter().map(|asked| asked.range).collect();
    assert_eq!(ranges, [None, Some(format!("bytes={wanted}-"))]);
    let base = Digest::of(&made.layers[0]).to_string();
    assert_eq!(registry.asked(&base).len(), 1, "a whole layer is not fetched again");
    assert_eq!(images.download_bytes().await.unwrap(), 0);
}

#[tokio::test]
async fn a_registry_that_knows_no_ranges_and_a_damaged_begin_do_not_matter() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED a_registry_that_knows_no_ranges: needs root");
    }
    let made = image(&[large_layer("srv/one", 2_000_000)]);
    let large = Digest::of(&made.layers[1]);
    let text = large.to_string();
    // Breaks the first time; begins from the begin, whatever it is asked for.
    let times = Mutex::new(0);
    let lie = move |asked: &super::liar::Asked, contents: &Contents| {
        if !asked.path.ends_with(&text) {
            return None;
        }
        let (bytes, mut times) = (contents.get(&text), times.lock().unwrap());
        *times += 1;
        let half = vec![bytes.slice(..bytes.len() / 2)];
        Some(if *times == 1 { broken(half).into_response() } else { bytes.into_response() })
    };
    let registry = Liar::start(Contents::default().image(&made, "1"), Arc::new(lie)).await;
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    let arrived = pull(&images, &format!("{}/tool:1", registry.host)).await.unwrap();
    assert_eq!(arrived.digest, digest_of(&made));
    assert_eq!(registry.asked(large.as_str()).len(), 2);

    // What a power cut made of a download.
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    let partial = state.path().join("images/downloads").join(large.hex()).with_extension("partial");
    std::fs::write(&partial, vec![0; 1_000_000]).unwrap();
    let registry = Liar::honest(Contents::default().image(&made, "1")).await;
    pull(&images, &format!("{}/tool:1", registry.host)).await.unwrap();
    let ranges: Vec<_> = registry.asked(large.as_str()).into_iter().map(|asked| asked.range).collect();
    assert_eq!(ranges, [Some("bytes=1000000-".to_owned()), None]);
    assert!(contents(state.path()).iter().all(|path| !path.ends_with("partial")));
}

#[tokio::test]
async fn pulls_of_one_image_are_one_download_and_layers_are_shared() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED pulls_of_one_image_are_one_download: needs root");
    }
    let shared = large_layer("srv/shared", 1_500_000);
    let one = image(&[shared.clone(), large_layer("srv/one", 10_000)]);
    let two = image(&[shared, large_layer("srv/two", 20_000)]);
    let contents_of = Contents::default().image(&one, "one").image(&two, "two");
    let registry = Liar::honest(contents_of).await;
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    let name = |tag: &str| format!("{}/tool:{tag}", registry.host);
    let (first, second) =
        (images.pull(&asked(&name("one"))).unwrap(), images.pull(&asked(&name("one"))).unwrap());
    let other = images.pull(&asked(&name("two"))).unwrap();
    assert_eq!(images.transfers().len(), 2, "the same image is on its way once");
    // One of two gives up, which the other does not notice.
    drop(first);
    let (second, other) = tokio::join!(second.arrived(), other.arrived());
    let (second, other) = (second.unwrap(), other.unwrap());
    assert_eq!((second.digest, other.digest), (digest_of(&one), digest_of(&two)));
    for layer in one.layers.iter().chain(&two.layers) {
        assert_eq!(registry.asked(Digest::of(layer).as_str()).len(), 1);
    }
    // And what is here is not asked for again.
    pull(&images, &name("one")).await.unwrap();
    assert_eq!(registry.asked("/blobs/").len(), 4 + 2, "four layers and two configurations");
    assert!(images.transfers().is_empty());
}

#[tokio::test]
async fn a_layer_that_is_here_in_another_archive_is_not_fetched() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("SKIPPED a_layer_that_is_here_in_another_archive: needs root");
    }
    let plain = large_layer("srv/data", 500_000);
    let zipped = image(std::slice::from_ref(&plain));
    let mut bare = zipped.clone();
    bare.layers[1] = plain;
    bare.config["created"] = serde_json::json!("2025-01-01T00:00:00Z");
    let registry = Liar::honest(Contents::default().image(&zipped, "zipped").image(&bare, "bare")).await;
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    pull(&images, &format!("{}/tool:zipped", registry.host)).await.unwrap();
    let arrived = pull(&images, &format!("{}/tool:bare", registry.host)).await.unwrap();
    assert!(registry.asked(Digest::of(&bare.layers[1]).as_str()).is_empty());
    assert_eq!(arrived.digest, digest_of(&bare));
    assert_eq!(arrived.image.id, Digest::of(&bare.config_bytes()));
    // It can be saved, and brought back.
    let mut saved = images.save(&[arrived.image.id.to_string()]).await.unwrap();
    let mut archive = Vec::new();
    std::io::Read::read_to_end(&mut saved, &mut archive).unwrap();
    let other = tempfile::tempdir().unwrap();
    let loaded = open(other.path()).await.load(&archive[..]).await.unwrap();
    assert_eq!(loaded[0].id, arrived.image.id);
}
