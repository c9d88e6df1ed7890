//! Doors of this crate that bytes of strangers come in by, for `fuzz/`. What each asserts holds for any bytes.

use crate::validate;
use crate::wire::{Message, Request, RequestBody};

/// A message to the launcher: a name that passes has no way to lead anywhere.
pub fn request(bytes: &[u8]) {
    let Ok(request) = postcard::from_bytes::<Request>(bytes) else { return };
    let again = postcard::to_stdvec(&request).expect("what was read can be written");
    assert_eq!(postcard::from_bytes::<Request>(&again).ok().as_ref(), Some(&request));
    if validate::request(&request.body).is_err() {
        return;
    }
    match &request.body {
        RequestBody::Launch(launch) | RequestBody::Plan(launch) => {
            let names = launch.layers.iter().chain([&launch.container]).chain(&launch.networks);
            assert!(names.clone().all(|name| !name.is_empty() && !name.contains(['/', '.', '\0'])));
            assert!(launch.process.argv.iter().all(|word| !word.contains('\0')));
        }
        RequestBody::Exec { container, process } => {
            assert_eq!(container.len(), 12);
            assert!(process.cwd.starts_with('/'));
        }
        _ => {}
    }
}

/// A message from the launcher.
pub fn message(bytes: &[u8]) {
    let _ = postcard::from_bytes::<Message>(bytes);
}
