//! What can go wrong with images, and what a person is told about it.

use std::io;

use porthole_launcher::wire::{Failure, FailureKind};
use porthole_protocol::error::{ErrorCode, WireError};

use super::archive::ArchiveError;

/// Why an image could not be had, added or removed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The text is not a reference to an image.
    #[error("{0:?} is not an image's name: {1}.")]
    BadReference(String, &'static str),
    /// No image by that name or id.
    #[error("There is no image {0}.")]
    NoSuchImage(String),
    /// The digits begin the ids of several images.
    #[error("{0} begins the ids of several images.")]
    Ambiguous(String),
    /// The text is not a user, or the image has no such user.
    #[error("{0:?} is not a user of this image: {1}.")]
    BadUser(String, &'static str),
    /// A change of the configuration that cannot be made; the sentence says why.
    #[error("The image cannot be made: {0}.")]
    BadChange(String),
    /// The archive is broken, hostile, or not of a kind that is read.
    #[error("The archive is refused: {0}.")]
    BadArchive(String),
    /// Larger than a limit; the text names the thing and the limit.
    #[error("The archive is refused: {0}.")]
    TooLarge(String),
    /// Containers are made from it.
    #[error("The image {image} is used by {containers} container(s).")]
    InUse {
        /// Its name or id, as it was asked for.
        image: String,
        /// How many.
        containers: u32,
    },
    /// The image has several names, and removing it by id would take them all.
    #[error("The image {0} has several names.")]
    SeveralNames(String),
    /// An upload or a transfer ended before its end, or was cancelled.
    #[error("It was broken off: {0}.")]
    Interrupted(String),
    /// The operator does not let images come from this registry, or go to it.
    #[error("This agent exchanges no images with {0}.")]
    NotAllowed(String),
    /// The registry does not let us in.
    #[error("The registry {registry} does not let us in: {why}.")]
    RegistryDenied {
        /// Its host.
        registry: String,
        /// What it said.
        why: String,
    },
    /// The registry cannot be reached, or does not do what a registry does.
    #[error("The registry {registry} failed: {why}.")]
    RegistryFailed {
        /// Its host.
        registry: String,
        /// What it did.
        why: String,
    },
    /// The registry has no such image.
    #[error("The registry {registry} has no image {name}.")]
    NotInRegistry {
        /// Its host.
        registry: String,
        /// The image.
        name: String,
    },
    /// The image is for other machines.
    #[error("The image {name} is not for {wanted}, but for {found}.")]
    OtherPlatform {
        /// The image.
        name: String,
        /// The platform that was asked for.
        wanted: String,
        /// Those there are.
        found: String,
    },
    /// The text is not a platform.
    #[error("{0:?} is not a platform.")]
    BadPlatform(String),
    /// As many transfers as there may be.
    #[error("There are {0} images on their way already.")]
    TooManyTransfers(usize),
    /// The launcher could not do its part.
    #[error("{}", .0.message)]
    Launcher(Failure),
    /// The store on disk could not be read or written.
    #[error("The image store failed while {doing}: {source}.")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl ImageError {
    /// For use with `map_err`: a failure of the store while `doing` something.
    pub(super) fn store(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Store { doing, source }
    }

    /// The error as it crosses the wire: code, sentence, next step.
    #[must_use]
    pub fn to_wire(&self) -> WireError {
        let (code, hint) = match self {
            Self::BadReference(..) => (ErrorCode::BadRequest, "Write repository[:tag], such as debian:12."),
            Self::NoSuchImage(_) => (
                ErrorCode::NoSuchImage,
                "`porthole images` lists those that are here; `import` and `load` add more.",
            ),
            Self::Ambiguous(_) => (ErrorCode::BadRequest, "Give more digits of the id."),
            Self::BadUser(..) => (
                ErrorCode::BadRequest,
                "Give USER or USER:GROUP by a name the image knows, or numbers from 0 to 65535.",
            ),
            Self::BadChange(_) => (
                ErrorCode::BadRequest,
                "Write it as in a Dockerfile, such as CMD [\"top\"] or ENV NAME=value.",
            ),
            Self::BadArchive(_) => (
                ErrorCode::BadImage,
                "Make it again with `docker save`, `docker export` or `tar`, and send it unchanged.",
            ),
            Self::TooLarge(_) => (ErrorCode::TooLarge, "Make the image smaller."),
            Self::InUse { .. } => (ErrorCode::ImageInUse, "Remove these containers first."),
            Self::SeveralNames(_) => {
                (ErrorCode::ImageInUse, "Remove it by each of its names, or by id with --force.")
            }
            Self::Interrupted(_) => (ErrorCode::BadRequest, "Begin it again."),
            Self::NotAllowed(_) => (
                ErrorCode::RegistryDenied,
                "Whoever runs the agent allows registries in its configuration file.",
            ),
            Self::RegistryDenied { .. } => (
                ErrorCode::RegistryDenied,
                "Log in with `docker login`; the name may also be wrong: many registries do not tell.",
            ),
            Self::RegistryFailed { .. } => (
                ErrorCode::RegistryFailed,
                "Try again; what has arrived is kept for a day and not fetched again.",
            ),
            Self::NotInRegistry { .. } => (ErrorCode::NoSuchImage, "Check the name and the tag."),
            Self::OtherPlatform { .. } => (
                ErrorCode::BadImage,
                "Name one of these with --platform; only this machine's own can be run.",
            ),
            Self::BadPlatform(_) => (ErrorCode::BadRequest, "Write os/architecture, such as linux/amd64."),
            Self::TooManyTransfers(_) => (ErrorCode::TooMany, "Wait until one of them has ended."),
            Self::Launcher(failure) => match failure.kind {
                FailureKind::BadArchive => {
                    (ErrorCode::BadImage, "Make the archive again and send it unchanged.")
                }
                FailureKind::Unsupported => {
                    (ErrorCode::Unsupported, "`porthole doctor` says what this host lacks.")
                }
                FailureKind::BadRequest => {
                    (ErrorCode::BadRequest, "Correct it in the container, then try again.")
                }
                FailureKind::TooLarge => (ErrorCode::TooLarge, "Remove files from the container."),
                FailureKind::NoSuchContainer => {
                    (ErrorCode::NoSuchContainer, "`porthole ps -a` lists those that are here.")
                }
                FailureKind::InUse => (ErrorCode::ImageInUse, "Remove the containers made from it first."),
                _ => (ErrorCode::Internal, "The log of the agent has the cause."),
            },
            Self::Store { .. } => {
                (ErrorCode::Internal, "See whether the disk of the state directory is full.")
            }
        };
        WireError::new(code, self.to_string(), hint)
    }
}

impl From<Failure> for ImageError {
    fn from(failure: Failure) -> Self {
        Self::Launcher(failure)
    }
}

impl From<ArchiveError> for ImageError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Malformed(why) => Self::BadArchive(why),
            ArchiveError::Read(error) => Self::from_read(error),
        }
    }
}
