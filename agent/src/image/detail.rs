//! Everything that an image says about itself, for people: bounded, and without characters that do more than be read.

use std::collections::BTreeMap;

use porthole_protocol::image::{HistoryStep, ImageDetail, ImageSettings};

use super::config::{ConfigFile, History, ImageConfig, millis};
use super::manifest::{self, Platform};
use super::text::{LONGEST, harmless};
use super::{Image, ImageError, ImageLayer, Images};

/// Most entries of a list that are shown: instructions, variables, labels.
const MOST: usize = 1024;

/// Longest name of a platform, in bytes.
const LONGEST_NAME: usize = 64;

impl Images {
    /// Everything about the image by that name or id; `in_use` tells how many containers are made from it.
    ///
    /// # Errors
    /// Those of lookup, and [`ImageError::Store`].
    pub async fn detail(
        &self,
        reference: &str,
        in_use: impl FnOnce(&Image) -> u32,
    ) -> Result<ImageDetail, ImageError> {
        let image = self.resolve(reference)?;
        let id = image.id.clone();
        let config = match self.shared.blocking(move |store| store.read(&id)).await {
            Ok(bytes) => manifest::parse::<ConfigFile>(&bytes, "an image's configuration")?,
            // It may have been removed meanwhile.
            Err(error) => return Err(self.resolve(reference).err().unwrap_or(error)),
        };
        let here = Platform::here();
        let name = |text: &str, or: String| if text.is_empty() { or } else { harmless(text, LONGEST_NAME) };
        Ok(ImageDetail {
            summary: self.summary(&image, in_use(&image)),
            digest: image.manifest.to_string(),
            os: name(&config.os, here.os),
            architecture: name(&config.architecture, here.architecture),
            history: history(&config.history, &image.layers),
            config: settings(&config.config),
        })
    }
}

/// The instructions, newest first. Every layer is in it, also where the image tells less than it has.
fn history(told: &[History], topmost_first: &[ImageLayer]) -> Vec<HistoryStep> {
    let mut layers = topmost_first.iter().rev();
    let mut steps: Vec<HistoryStep> = told
        .iter()
        .map(|step| {
            let layer = if step.empty_layer { None } else { layers.next() };
            HistoryStep { comment: harmless(&step.comment, LONGEST), ..made(layer, Some(step)) }
        })
        .collect();
    steps.extend(layers.map(|layer| made(Some(layer), None)));
    steps.reverse();
    steps.truncate(MOST);
    steps
}

fn made(layer: Option<&ImageLayer>, told: Option<&History>) -> HistoryStep {
    HistoryStep {
        created_by: told.map_or_else(String::new, |step| harmless(&step.created_by, LONGEST)),
        comment: String::new(),
        created_ms: told.map_or(0, |step| millis(step.created.as_deref())),
        layer: layer.map(|layer| layer.diff_id.to_string()),
        bytes: layer.map_or(0, |layer| layer.bytes),
    }
}

fn settings(config: &ImageConfig) -> ImageSettings {
    let text = |text: &String| harmless(text, LONGEST);
    let texts = |list: &[String]| list.iter().take(MOST).map(text).collect::<Vec<_>>();
    let names = |set: &BTreeMap<String, _>| set.keys().take(MOST).map(text).collect::<Vec<_>>();
    ImageSettings {
        user: text(&config.user),
        exposed_ports: names(&config.exposed_ports),
        env: texts(&config.env),
        entrypoint: texts(&config.entrypoint),
        cmd: texts(&config.cmd),
        volumes: names(&config.volumes),
        working_dir: text(&config.working_dir),
        labels: config.labels.iter().take(MOST).map(|(key, value)| (text(key), text(value))).collect(),
        stop_signal: text(&config.stop_signal),
        healthcheck: config.healthcheck.as_ref().map_or_else(Vec::new, |check| texts(&check.test)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;

    fn layer(name: &str, bytes: u64) -> ImageLayer {
        ImageLayer { diff_id: Digest::of(name.as_bytes()), bytes, created_by: String::new() }
    }

    fn step(created_by: &str, empty_layer: bool) -> History {
        History { created_by: created_by.into(), empty_layer, ..History::default() }
    }

    #[test]
    fn each_instruction_has_its_layer_and_each_layer_is_shown() {
        let layers = [layer("top", 3), layer("middle", 2), layer("base", 1)];
        let told = [step("ADD\tbase", false), step("ENV x=\x1b[31m", true), step("RUN middle", false)];
        let steps = history(&told, &layers);
        let lines: Vec<_> = steps.iter().map(|step| (step.created_by.as_str(), step.bytes)).collect();
        assert_eq!(lines, [("", 3), ("RUN middle", 2), ("ENV x=\u{fffd}[31m", 0), ("ADD base", 1)]);
        assert_eq!(steps[0].layer.as_deref(), Some(layers[0].diff_id.as_str()));
        assert_eq!(steps[2].layer, None);
        // A history that tells of more layers than there are.
        let steps = history(&told, &layers[2..]);
        assert_eq!(steps.iter().filter(|step| step.layer.is_some()).count(), 1);
    }

    #[test]
    fn a_health_check_is_told_in_either_form() {
        let read = |json: &str| settings(&serde_json::from_str::<ImageConfig>(json).unwrap()).healthcheck;
        let shell = r#"{"Healthcheck":{"Test":["CMD-SHELL","curl -f localhost"],"Interval":30000000000}}"#;
        assert_eq!(read(shell), ["CMD-SHELL", "curl -f localhost"]);
        assert_eq!(read(r#"{"Healthcheck":{"Test":["CMD","true"],"Retries":3}}"#), ["CMD", "true"]);
        assert_eq!(read(r#"{"Healthcheck":{"Test":["NONE"]}}"#), ["NONE"]);
        assert_eq!(read(r#"{"Healthcheck":{}}"#), [""; 0]);
        assert_eq!(read(r#"{"Healthcheck":null}"#), [""; 0]);
    }

    #[test]
    fn a_hostile_configuration_is_shown_within_bounds() {
        let long = "x\x07".repeat(10_000);
        let env = vec![long.clone(); 5000];
        let labels = [("\x1b]0;title\x07".to_owned(), long)].into();
        let shown = settings(&ImageConfig { env, labels, ..ImageConfig::default() });
        assert_eq!(shown.env.len(), MOST);
        assert!(shown.env[0].len() < LONGEST + 4 && !shown.env[0].contains('\x07'));
        assert_eq!(shown.labels.keys().next().unwrap(), "\u{fffd}]0;title\u{fffd}");
    }
}
