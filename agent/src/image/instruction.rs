//! Changes of an image's configuration, written as instructions of a Dockerfile. Source: Dockerfile reference; `docker
//! commit --change` takes the same ones.

use super::config::{Empty, ImageConfig};

/// Applies the instructions in their order.
///
/// # Errors
/// A sentence that names the instruction.
pub(super) fn apply(instructions: &[String], config: &mut ImageConfig) -> Result<(), String> {
    let name_of = |line: &String| line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    // A new entry point takes another command than the old one did.
    let sets_command = instructions.iter().any(|line| name_of(line) == "CMD");
    for line in instructions {
        if name_of(line) == "ENTRYPOINT" && !sets_command {
            config.cmd.clear();
        }
        one(line, config).map_err(|why| format!("the change {line:?} {why}"))?;
    }
    Ok(())
}

fn one(line: &str, config: &mut ImageConfig) -> Result<(), &'static str> {
    let line = line.trim();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if rest.is_empty() {
        return Err("says nothing");
    }
    match name.to_ascii_uppercase().as_str() {
        "CMD" => config.cmd = command(rest),
        "ENTRYPOINT" => config.entrypoint = command(rest),
        "ENV" => pairs(rest)?.into_iter().for_each(|(key, value)| set_env(&mut config.env, &key, &value)),
        "LABEL" => config.labels.extend(pairs(rest)?),
        "EXPOSE" => {
            for port in words(rest)? {
                config.exposed_ports.insert(port_of(&port)?, Empty {});
            }
        }
        "STOPSIGNAL" => config.stop_signal = rest.to_owned(),
        "USER" => config.user = rest.to_owned(),
        "VOLUME" => {
            let volumes = list(rest).map_or_else(|| words(rest), Ok)?;
            config.volumes.extend(volumes.into_iter().map(|volume| (volume, Empty {})));
        }
        "WORKDIR" if rest.starts_with('/') => config.working_dir = rest.to_owned(),
        "WORKDIR" => config.working_dir = format!("{}/{rest}", config.workdir().trim_end_matches('/')),
        _ => {
            return Err(
                "is none of CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR",
            );
        }
    }
    Ok(())
}

/// Sets a variable: in the place of the one by that name, else at the end.
pub(super) fn set_env(env: &mut Vec<String>, key: &str, value: &str) {
    let entry = format!("{key}={value}");
    match env.iter_mut().find(|known| known.split('=').next() == Some(key)) {
        Some(known) => *known = entry,
        None => env.push(entry),
    }
}

/// A command: a JSON list, or a line for the shell.
fn command(text: &str) -> Vec<String> {
    list(text).unwrap_or_else(|| ["/bin/sh", "-c", text].map(str::to_owned).to_vec())
}

fn list(text: &str) -> Option<Vec<String>> {
    serde_json::from_str(text).ok()
}

/// `KEY=VALUE …`, or one `KEY VALUE` as in old Dockerfiles.
fn pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let has_key = |(key, value): (&str, &str)| {
        (!key.is_empty()).then(|| (key.to_owned(), value.to_owned())).ok_or("has a value without a name")
    };
    let words = words(text)?;
    if words.iter().all(|word| word.contains('=')) {
        return words.iter().filter_map(|word| word.split_once('=')).map(has_key).collect();
    }
    match text.split_once(char::is_whitespace) {
        Some((key, value)) if !key.contains('=') => Ok(vec![has_key((key, value.trim()))?]),
        _ => Err("has a name without a value"),
    }
}

/// Words with quotes and backslashes, as in a shell.
fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => {
                word.get_or_insert_default().push(chars.next().ok_or("ends with a backslash")?);
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("has a quote without an end");
    }
    words.extend(word);
    Ok(words)
}

fn port_of(text: &str) -> Result<String, &'static str> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    if is_port && matches!(protocol, "tcp" | "udp" | "sctp") {
        Ok(format!("{port}/{protocol}"))
    } else {
        Err("does not name a port, such as 80 or 53/udp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(lines: &[&str]) -> Result<ImageConfig, String> {
        let mut config = ImageConfig {
            cmd: vec!["old".into()],
            env: vec!["PATH=/bin".into(), "A=1".into()],
            working_dir: "/srv".into(),
            ..ImageConfig::default()
        };
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        apply(&lines, &mut config).map(|()| config)
    }

    #[test]
    fn both_forms_of_each_instruction_are_read() {
        let config = changed(&[
            r#"CMD ["top", "-d 1"]"#,
            "entrypoint exec env",
            r#"ENV A=2 B="x y" C=\ z"#,
            "ENV D e f",
            "EXPOSE 80 53/udp",
            r#"LABEL a=b "c d"=e"#,
            "STOPSIGNAL SIGQUIT",
            "USER web:web",
            r#"VOLUME ["/a b"]"#,
            "VOLUME /c /d",
            "WORKDIR sub",
        ]);
        let config = config.unwrap();
        assert_eq!(config.cmd, ["top", "-d 1"]);
        assert_eq!(config.entrypoint, ["/bin/sh", "-c", "exec env"]);
        assert_eq!(config.env, ["PATH=/bin", "A=2", "B=x y", "C= z", "D=e f"]);
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert_eq!(config.labels["c d"], "e");
        assert_eq!((config.stop_signal.as_str(), config.user.as_str()), ("SIGQUIT", "web:web"));
        assert_eq!(config.volumes.keys().collect::<Vec<_>>(), ["/a b", "/c", "/d"]);
        assert_eq!(config.working_dir, "/srv/sub");
    }

    #[test]
    fn a_new_entry_point_drops_the_old_command_alone() {
        assert_eq!(changed(&["ENTRYPOINT [\"a\"]"]).unwrap().cmd, [""; 0]);
        assert_eq!(changed(&["CMD b", "ENTRYPOINT [\"a\"]"]).unwrap().cmd, ["/bin/sh", "-c", "b"]);
    }

    #[test]
    fn what_is_no_instruction_is_named() {
        for bad in ["RUN x", "CMD", "ENV A", "ENV =b", "ENV A='b", "EXPOSE x", "EXPOSE 0", "LABEL a=b c", ""]
        {
            let error = changed(&[bad]).unwrap_err();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
