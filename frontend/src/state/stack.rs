//! A stack of layers in words.

use porthole_protocol::files::StackLayer;
use porthole_protocol::image::StoredLayer;

use super::format;

/// Colours that tell layers apart; the number beside it does as well.
const HUES: usize = 6;

/// What a layer is called for short: its number from the bottom, 1 for the base; `W` for the writable one.
#[must_use]
pub fn label(layers: &[StackLayer], index: usize) -> String {
    match layers.get(index) {
        Some(StackLayer { diff_id: None, .. }) => "W".into(),
        _ => layers.len().saturating_sub(index).to_string(),
    }
}

/// The same in words.
#[must_use]
pub fn name(layers: &[StackLayer], index: usize) -> String {
    match label(layers, index).as_str() {
        "W" => "the writable layer".into(),
        number => format!("layer {number}"),
    }
}

/// The colour of a layer in the style sheet.
#[must_use]
pub fn hue(layers: &[StackLayer], index: usize) -> String {
    match label(layers, index).parse::<usize>() {
        Ok(number) => ((number - 1) % HUES + 1).to_string(),
        Err(_) => "w".into(),
    }
}

/// Who else has a layer.
#[must_use]
pub fn sharers(layer: &StackLayer, stored: &[StoredLayer]) -> String {
    let Some(diff_id) = &layer.diff_id else {
        return "this container's own; it goes when the container goes".into();
    };
    let Some(stored) = stored.iter().find(|stored| stored.diff_id == *diff_id) else {
        return "read-only".into();
    };
    let images = format::count(stored.images.len(), "image");
    match stored.containers.len() {
        0 => format!("read-only, in {images}"),
        containers => format!("read-only, in {images}, under {}", format::count(containers, "container")),
    }
}

/// What a layer was made by, without what every builder puts around it.
#[must_use]
pub fn instruction(created_by: &str) -> String {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim_end();
    match text.strip_prefix("/bin/sh -c ") {
        Some(rest) => match rest.trim_start().strip_prefix("#(nop)") {
            Some(instruction) => instruction.trim().to_owned(),
            None => format!("RUN {}", rest.trim()),
        },
        None => text.replacen("RUN /bin/sh -c ", "RUN ", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(diff_id: Option<&str>) -> StackLayer {
        StackLayer { diff_id: diff_id.map(str::to_owned), created_by: String::new(), bytes: 0 }
    }

    #[test]
    fn layers_are_numbered_from_the_bottom_and_the_writable_one_has_a_letter() {
        let stack = [layer(None), layer(Some("b")), layer(Some("a"))];
        let labels: Vec<_> = (0..3).map(|index| label(&stack, index)).collect();
        assert_eq!(labels, ["W", "2", "1"]);
        let hues: Vec<_> = (0..3).map(|index| hue(&stack, index)).collect();
        assert_eq!(hues, ["w", "2", "1"]);
        assert_eq!(label(&[layer(Some("b")), layer(Some("a"))], 0), "2", "an image has no writable one");
    }

    #[test]
    fn a_layer_says_who_shares_it() {
        let stored = StoredLayer {
            diff_id: "a".into(),
            bytes: 1,
            created_by: String::new(),
            images: vec!["one".into(), "two".into()],
            containers: Vec::new(),
        };
        assert_eq!(sharers(&layer(Some("a")), &[stored]), "read-only, in 2 images");
        assert_eq!(sharers(&layer(Some("z")), &[]), "read-only");
    }

    #[test]
    fn an_instruction_reads_as_it_stands_in_a_dockerfile() {
        for (stored, shown) in [
            ("/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"),
            ("/bin/sh -c apt-get update", "RUN apt-get update"),
            ("RUN /bin/sh -c apk add curl # buildkit", "RUN apk add curl"),
            ("COPY . /app # buildkit", "COPY . /app"),
            ("", ""),
        ] {
            assert_eq!(instruction(stored), shown);
        }
    }
}
