use super::*;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn first() -> ProcessRequest {
    ProcessRequest {
        argv: words(&["sh"]),
        env: words(&["PATH=/bin", "HOME=/root", "A=1"]),
        cwd: "/srv".into(),
        uid: 5,
        gid: 6,
        groups: vec![7],
        stdio: Stdio::Pipes { stdin: false },
        tag: 0,
    }
}

fn spec(command: &[&str]) -> ProcessSpec {
    ProcessSpec { command: words(command), ..ProcessSpec::default() }
}

#[test]
fn a_further_process_takes_after_the_first() {
    let process = exec(&spec(&["id"]), &first(), None).unwrap();
    assert_eq!(process, ProcessRequest { argv: words(&["id"]), ..first() });
}

#[test]
fn what_the_spec_names_comes_in_place_of_the_first_ones() {
    let spec = ProcessSpec {
        env: words(&["A=2", "B=3"]),
        workdir: Some("/tmp".into()),
        terminal: Some(Size { rows: 3, cols: 4 }),
        ..spec(&["id"])
    };
    let user = User { uid: 33, gid: 34, groups: vec![4], home: "/var/www".into() };
    let process = exec(&spec, &first(), Some(user)).unwrap();
    assert_eq!(process.env, ["PATH=/bin", "HOME=/var/www", "A=2", "TERM=xterm-256color", "B=3"]);
    assert_eq!((process.uid, process.gid, process.groups, process.cwd.as_str()), (33, 34, vec![4], "/tmp"));
    assert_eq!(process.stdio, Stdio::Terminal { rows: 3, cols: 4 });
}

#[test]
fn capabilities_are_the_defaults_without_the_dropped_with_the_added() {
    let mask =
        |add: &[&str], drop: &[&str]| capability_mask(&words(add), &words(drop)).map(capabilities::names);
    assert_eq!(mask(&[], &[]).unwrap().len(), 12);
    assert_eq!(mask(&["cap_net_raw"], &["all"]).unwrap(), ["NET_RAW"]);
    assert!(!mask(&[], &["CHOWN"]).unwrap().contains(&"CHOWN".to_owned()));
    assert!(mask(&["ALL"], &[]).is_err(), "there is no honest use for all of them");
    assert!(mask(&[], &["NOPE"]).is_err());
}

#[test]
fn host_names_follow_the_internets_rule() {
    for good in ["a", "web-1", "a.b.example", "0123456789ab"] {
        assert!(check_hostname(good).is_ok(), "{good}");
    }
    for bad in ["", "-a", "a-", "a..b", ".a", "a_b", "a b", "ä", &"x".repeat(65)] {
        assert!(check_hostname(bad).is_err(), "{bad}");
    }
}

#[test]
fn words_are_counted_and_hold_no_nul() {
    for command in
        [vec![], vec![""], vec!["a\0b"], vec!["x"; MAX_WORDS + 1], vec![&*"x".repeat(MAX_WORDS_BYTES)]]
    {
        assert!(exec(&spec(&command), &first(), None).is_err());
    }
    for env in ["A", "=1", "A=\0"] {
        let spec = ProcessSpec { env: words(&[env]), ..spec(&["id"]) };
        assert!(exec(&spec, &first(), None).is_err(), "{env:?}");
    }
    let spec = ProcessSpec { workdir: Some("tmp".into()), ..spec(&["id"]) };
    assert!(exec(&spec, &first(), None).is_err());
}
