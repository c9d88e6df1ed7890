//! Names of images, as people write them and as the agent tells them.

use porthole_protocol::image::ImageSummary;

use super::format;

/// The name an image is launched by: its first name, or its id.
#[must_use]
pub fn of(image: &ImageSummary) -> &str {
    image.names.first().unwrap_or(&image.id)
}

/// A name without the tag that says nothing; an id cut short.
#[must_use]
pub fn short(name: &str) -> &str {
    match name.strip_suffix(":latest") {
        Some(short) => short,
        None if name.starts_with("sha256:") => format::short_digest(name),
        None => name,
    }
}

/// Whether a full name (`docker.io/library/alpine:latest`) is what someone meant by a short one (`alpine`).
#[must_use]
pub fn is_same(full: &str, written: &str) -> bool {
    let last = written.rsplit('/').next().unwrap_or(written);
    let tagged = if last.contains([':', '@']) { written.to_owned() } else { format!("{written}:latest") };
    full == tagged || full.strip_suffix(&tagged).is_some_and(|before| before.ends_with('/'))
}

/// The image that a written name means, among these.
#[must_use]
pub fn find<'a>(images: &'a [ImageSummary], written: &str) -> Option<&'a ImageSummary> {
    images.iter().find(|image| image.names.iter().any(|name| is_same(name, written)))
}

/// A name for the image in a file: `Debian-12.tar.gz` gives `debian-12`.
#[must_use]
pub fn from_file(file: &str) -> String {
    let stem = file.split(".t").next().unwrap_or(file).to_ascii_lowercase();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '-' };
    stem.chars().map(allowed).collect::<String>().trim_matches(['-', '.', '_']).to_owned()
}

/// The part of an image's id that stands in the address bar.
#[must_use]
pub fn address(id: &str) -> String {
    format::short_digest(id).to_owned()
}

/// The image whose id begins like this.
#[must_use]
pub fn at_address<'a>(images: &'a [ImageSummary], address: &str) -> Option<&'a ImageSummary> {
    images.iter().find(|image| !address.is_empty() && format::short_digest(&image.id) == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_means_the_full_one_and_no_other() {
        let full = "docker.io/library/alpine:latest";
        for written in ["alpine", "alpine:latest", "library/alpine", full] {
            assert!(is_same(full, written), "{written}");
        }
        for written in ["pine", "alpine:3.20", "other/alpine", ""] {
            assert!(!is_same(full, written), "{written}");
        }
        assert!(is_same("localhost:5000/a:1", "localhost:5000/a:1"));
        assert!(is_same("localhost:5000/a:latest", "localhost:5000/a"), "a port is no tag");
    }

    #[test]
    fn a_file_gives_its_image_a_name() {
        assert_eq!(from_file("Debian 12.tar.gz"), "debian-12");
        assert_eq!(from_file("root.tgz"), "root");
        assert_eq!(from_file("_.tar"), "");
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        assert_eq!(short("busybox:latest"), "busybox");
        assert_eq!(short("debian:12"), "debian:12");
        assert_eq!(short("sha256:3f1a09bc21d4aaaa"), "3f1a09bc21d4");
    }
}
