//! Registries that lie or fail: each ends in a clear error, in bounded time, and leaves nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use porthole::image::{Digest, RegistrySettings};
use porthole_protocol::error::ErrorCode;
use serde_json::json;

use super::archives::{Made, layer};
use super::craft::Craft;
use super::liar::{Asked, Contents, Liar, Lie};
use super::store::{contents, digest_of, gzip, image, large_layer, open, pull};

/// Longest time for a registry to be found out, far above what the waits of the tests add up to.
const BOUND: Duration = Duration::from_secs(60);

fn lie(lie: impl Fn(&Asked, &Contents) -> Option<Response> + Send + Sync + 'static) -> Lie {
    Arc::new(lie)
}

/// A lie about whatever has that in its path.
fn about(what: &'static str, answer: impl Fn() -> Response + Send + Sync + 'static) -> Lie {
    lie(move |asked, _| asked.path.contains(what).then(&answer))
}

fn endless(piece: &'static [u8], pause: Duration) -> Body {
    Body::from_stream(stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(piece)), ()))
    }))
}

fn honest() -> Made {
    image(&[large_layer("srv/data", 400_000)])
}

async fn refused(contents_of: Contents, lie: Lie) -> (ErrorCode, String, Liar) {
    let registry = Liar::start(contents_of, lie).await;
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    let name = format!("{}/tool:1", registry.host);
    let error = tokio::time::timeout(BOUND, pull(&images, &name)).await.expect("an end in time").unwrap_err();
    assert!(images.list().is_empty() && images.transfers().is_empty());
    images.close().await;
    // What has arrived and is right, or may still become it, is kept for another try.
    let base = Digest::of(&honest().layers[0]);
    let may_stay = |path: &PathBuf| path.ends_with(base.hex()) || path.extension().is_some();
    let left = contents(state.path());
    assert!(left.iter().all(may_stay), "left by {error}: {left:?}");
    assert!(!error.hint.is_empty());
    (error.code, error.message, registry)
}

#[tokio::test]
async fn documents_that_are_not_what_they_should_be() {
    let made = honest();
    let manifest = serde_json::to_vec(&made.manifest()).unwrap();
    let page =
        || ([("content-type", "text/html")], "<html>Log in to the hotel's network</html>").into_response();
    let unlabelled = || "<html>".into_response();
    let huge = || Body::from(vec![b' '; 5 << 20]).into_response();
    let without_end = || endless(&[b' '; 65536], Duration::ZERO).into_response();
    let status = |status: u16| move || StatusCode::from_u16(status).unwrap().into_response();
    let wrong = {
        let other = manifest.clone();
        let digest = Digest::of(b"other").to_string();
        move || ([("docker-content-digest", digest.clone())], other.clone()).into_response()
    };
    for (name, lie, code, why) in [
        ("a web page", about("/manifests/", page), ErrorCode::RegistryFailed, "web page"),
        ("a web page without a label", about("/manifests/", unlabelled), ErrorCode::BadImage, "malformed"),
        ("a huge manifest", about("/manifests/", huge), ErrorCode::TooLarge, "4194304"),
        ("an endless manifest", about("/manifests/", without_end), ErrorCode::TooLarge, "4194304"),
        ("another digest", about("/manifests/", wrong), ErrorCode::RegistryFailed, "another manifest"),
        ("errors of the server", about("/manifests/", status(503)), ErrorCode::RegistryFailed, "503"),
        ("a teapot", about("/manifests/", status(418)), ErrorCode::RegistryFailed, "418"),
        ("no way in", about("/manifests/", status(403)), ErrorCode::RegistryDenied, "403"),
        ("too many requests", about("/manifests/", status(429)), ErrorCode::RegistryFailed, "429"),
        ("no image", about("/manifests/", status(404)), ErrorCode::NoSuchImage, "tool:1"),
        ("no layers", about("/blobs/", status(404)), ErrorCode::NoSuchImage, "sha256:"),
    ] {
        let lies = Contents::default().image(&made, "1");
        let (found, message, _) = refused(lies, lie).await;
        assert!(found == code && message.contains(why), "{name}: {found:?} {message}");
    }
    let config = Digest::of(&made.config_bytes());
    let other = Contents::default().image(&made, "1").put(
        config.as_str(),
        "",
        &vec![b'x'; made.config_bytes().len()],
    );
    let (code, message, _) = refused(other, lie(|_, _| None)).await;
    assert!(code == ErrorCode::RegistryFailed && message.contains("another configuration"), "{message}");
}

#[tokio::test]
async fn layers_that_are_not_what_they_should_be() {
    let made = honest();
    let large = Digest::of(&made.layers[1]).to_string();
    let bytes = made.layers[1].clone();
    let part = |change: fn(&[u8]) -> Vec<u8>| {
        let (digest, bytes) = (large.clone(), change(&bytes));
        lie(move |asked, _| {
            let chunks: Vec<_> =
                bytes.chunks(50_000).map(Bytes::copy_from_slice).map(Ok::<_, std::io::Error>).collect();
            asked.path.ends_with(&digest).then(|| Body::from_stream(stream::iter(chunks)).into_response())
        })
    };
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    let drip = {
        let digest = large.clone();
        lie(move |asked, _| {
            let drip = || endless(b"x", Duration::from_millis(50)).into_response();
            asked.path.ends_with(&digest).then(drip)
        })
    };
    let silence = {
        let digest = large.clone();
        lie(move |asked, _| {
            let silence =
                || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()).into_response();
            asked.path.ends_with(&digest).then(silence)
        })
    };
    for (name, lie, code, why) in [
        ("another byte", part(flipped), ErrorCode::RegistryFailed, "another layer"),
        ("too short", part(|bytes| bytes[..bytes.len() - 9].to_vec()), ErrorCode::RegistryFailed, ""),
        ("too long", part(|bytes| [bytes, b"more"].concat()), ErrorCode::RegistryFailed, "longer"),
        ("a drip", drip, ErrorCode::RegistryFailed, "too slow"),
        ("silence", silence, ErrorCode::RegistryFailed, "nothing more"),
    ] {
        let (found, message, _) = refused(Contents::default().image(&made, "1"), lie).await;
        assert!(found == code && message.contains(why), "{name}: {found:?} {message}");
    }

    // The bytes are those of the digest, and the layer is none that may be unpacked, or another one.
    let changed = |change: &dyn Fn(&mut Made)| {
        let mut made = honest();
        change(&mut made);
        Contents::default().image(&made, "1")
    };
    let hostile = gzip(&Craft::new().file("../canary", b"x").end());
    let other = gzip(&layer(&[("another", "layer")]));
    let bomb = gzip(&vec![0; 64 << 20]);
    for (name, contents_of, why) in [
        ("out of the layer", changed(&|made| made.layers[1].clone_from(&hostile)), "leads upwards"),
        ("another layer", changed(&|made| made.layers[1].clone_from(&other)), "another content"),
        ("nothing of a tar", changed(&|made| made.layers[1] = gzip(b"<html>")), "middle of a block"),
        ("too many diff ids", changed(&|made| drop(made.layers.pop())), "differ in the number"),
        ("a bomb", changed(&|made| made.layers[1].clone_from(&bomb)), ""),
        (
            "for other machines",
            changed(&|made| made.config["architecture"] = json!("s390x")),
            "but for linux/s390x",
        ),
    ] {
        let (code, message, _) = refused(contents_of, lie(|_, _| None)).await;
        let is_fitting = matches!(code, ErrorCode::BadImage | ErrorCode::TooLarge);
        assert!(is_fitting && message.contains(why), "{name}: {code:?} {message}");
    }
}

#[tokio::test]
async fn redirects_end_and_take_no_secret_along() {
    let made = honest();
    let turns = lie(|asked, _| {
        let here = asked.path.clone();
        asked
            .path
            .contains("/blobs/")
            .then(|| (StatusCode::TEMPORARY_REDIRECT, [("location", here)]).into_response())
    });
    let (code, message, registry) = refused(Contents::default().image(&made, "1"), turns).await;
    assert!(code == ErrorCode::RegistryFailed && message.contains("redirects more than 5"), "{message}");
    assert_eq!(registry.asked("/blobs/").len(), 6);

    // One that demands a password and keeps its layers elsewhere.
    let storage = Liar::honest(Contents::default().image(&made, "1")).await;
    let elsewhere = storage.host.clone();
    let registry = Liar::start(
        Contents::default().image(&made, "1"),
        lie(move |asked, _| {
            if asked.authorization.is_none() {
                let challenge = [("www-authenticate", "Basic realm=\"here\"")];
                return Some((StatusCode::UNAUTHORIZED, challenge).into_response());
            }
            let location = format!("http://{elsewhere}{}", asked.path);
            let redirect = || (StatusCode::TEMPORARY_REDIRECT, [("location", location)]).into_response();
            asked.path.contains("/blobs/").then(redirect)
        }),
    )
    .await;
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    let mut request = super::store::asked(&format!("{}/tool:1", registry.host));
    let error = images.pull(&request).unwrap().arrived().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RegistryDenied);
    request.credentials = Some(porthole_protocol::image::Credentials::Basic {
        username: "me".into(),
        password: "secret".into(),
    });
    let arrived = images.pull(&request).unwrap().arrived().await.unwrap();
    assert_eq!(arrived.digest, digest_of(&made));
    assert!(!storage.asked("/blobs/").is_empty());
    assert!(storage.asked("").iter().all(|asked| asked.authorization.is_none()));

    // Who asks for `tool` without a registry means Docker's; what lets them in there is not for the agent's own default.
    let state = tempfile::tempdir().unwrap();
    let settings =
        RegistrySettings { default_registry: registry.host.clone(), ..RegistrySettings::default() };
    let images = open(state.path()).await.with_registries(settings);
    request.name = "tool:1".into();
    let error = images.pull(&request).unwrap().arrived().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RegistryDenied);
    request.name = format!("{}/tool:1", registry.host);
    images.pull(&request).unwrap().arrived().await.unwrap();
}

#[tokio::test]
async fn tokens_are_fetched_with_what_there_is_and_refused_ones_end_it() {
    use porthole_protocol::image::Credentials;
    let made = honest();
    let demand = lie(|asked, _| {
        if asked.path.starts_with("/token") {
            let is_welcome = asked.method == axum::http::Method::POST || asked.authorization.is_some();
            let token = if is_welcome { "good" } else { "poor" };
            return Some(json!({ "token": token }).to_string().into_response());
        }
        let passes = asked.authorization.as_deref() == Some("Bearer good");
        (!passes).then(|| {
            let challenge =
                "Bearer realm=\"http://HOST/token\",service=\"tests\",scope=\"repository:tool:pull\"";
            (StatusCode::UNAUTHORIZED, [("www-authenticate", challenge)]).into_response()
        })
    });
    // The login server is the registry itself, whose port is known only now.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let known = host.clone();
    let registry = Liar::start_at(
        &host,
        Contents::default().image(&made, "1"),
        lie(move |asked, contents| {
            let response = demand(asked, contents)?;
            let (mut parts, body) = response.into_parts();
            if let Some(challenge) = parts.headers.get("www-authenticate") {
                let challenge = challenge.to_str().unwrap().replace("HOST", &known);
                parts.headers.insert("www-authenticate", challenge.parse().unwrap());
            }
            Some(Response::from_parts(parts, body))
        }),
    )
    .await;
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    let mut request = super::store::asked(&format!("{}/tool:1", registry.host));
    let error = images.pull(&request).unwrap().arrived().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RegistryDenied, "a token that does not help is asked for once");
    assert_eq!(registry.asked("/token").len(), 1);
    assert!(registry.asked("/token")[0].path.contains("service=tests"));

    for credentials in [
        Credentials::Basic { username: "me".into(), password: "secret".into() },
        Credentials::IdentityToken { token: "identity".into() },
    ] {
        request.credentials = Some(credentials);
        images.pull(&request).unwrap().arrived().await.unwrap();
    }
    assert_eq!(registry.asked("/token").last().unwrap().method, axum::http::Method::POST);
    assert_eq!(registry.asked("/token").len(), 3, "one token serves a whole transfer");
}
