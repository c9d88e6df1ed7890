//! Doors of this crate that bytes of strangers come in by, for `fuzz/`. What each asserts holds for any bytes.

pub use crate::dns::fuzzing::name_query;
pub use crate::http::guard::fuzzing::host_and_origin;
pub use crate::http::preview::headers::fuzzing::preview_heads;
pub use crate::image::fuzzing::{compressed, image_documents, reference, registry_headers, user};
pub use crate::inspect::fuzzing::proc_files;
