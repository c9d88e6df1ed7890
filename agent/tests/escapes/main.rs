//! The catalogue of escapes: what has let strangers out of containers elsewhere, each tried through the whole product by a
//! container, an image or a client of the test's own. `cargo xtask escapes` runs it and prints the table.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]
#![allow(unreachable_pub, reason = "the modules of a test are its own")]

mod apart;
mod bombs;
mod canary;
mod case;
mod clients;
mod descriptors;
mod images;
mod kernel;
mod left;
mod lives;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod terminals;

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use case::{Case, Verdict, Weight};
use futures_util::FutureExt;
use porthole_protocol::spec::Engine;
use stage::Stage;
use support::{Agent, is_installed, possible};

/// Every case, in the order of the table.
fn cases() -> Vec<Case> {
    [
        descriptors::cases(),
        images::cases(),
        kernel::cases(),
        terminals::cases(),
        clients::cases(),
        lives::cases(),
        left::cases(),
        bombs::cases(),
        left::heavy_cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn whoever_tries_to_get_out_stays_in() {
    play("whoever_tries_to_get_out_stays_in", Weight::Quick);
}

#[test]
fn whoever_wants_all_there_is_gets_what_it_may_have() {
    play("whoever_wants_all_there_is_gets_what_it_may_have", Weight::Heavy);
}

/// Runs the cases of this weight; on the builtin engine each must be contained.
fn play(test: &str, weight: Weight) {
    if !possible() || !apart::is_apart(test) {
        return;
    }
    let only = std::env::var("PORTHOLE_ESCAPES_ONLY").unwrap_or_default();
    let mut report = report();
    let mut loose = Vec::new();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut stage = Stage::set().await;
        for case in cases().into_iter().filter(|case| case.weight == weight && case.name.contains(&only)) {
            let begun = std::time::Instant::now();
            let verdict = play_on(&mut stage, &case).await;
            println!(
                "{:<14} {}: {} ({:.1?})",
                verdict.word(),
                case.name,
                verdict.evidence(),
                begun.elapsed()
            );
            // One line each, whatever was said.
            let evidence = verdict.evidence().replace(['\t', '\n'], " ");
            writeln!(report, "{}\t{}\t{}\t{evidence}", case.name, verdict.word(), case.succeeds_outside)
                .unwrap();
            if stage.is_ours() && !matches!(verdict, Verdict::Contained(_) | Verdict::NotApplicable(_)) {
                loose.push(format!("{}: {verdict:?}", case.name));
            }
        }
    });
    assert_eq!(loose, [""; 0]);
}

/// Longest time for a case on another engine, far above what any takes on ours.
const PATIENCE: Duration = Duration::from_secs(100);

/// Plays a case. What another engine cannot be asked for is no reason to play no further: only ours has to bear every case.
async fn play_on(stage: &mut Stage, case: &Case) -> Verdict {
    if stage.is_ours() {
        return stage.play(case).await;
    }
    let played = tokio::time::timeout(PATIENCE, AssertUnwindSafe(stage.play(case)).catch_unwind()).await;
    let why = match played {
        Ok(Ok(verdict)) => return verdict,
        Ok(Err(_)) => "the attempt broke off",
        Err(_) => "the attempt did not end",
    };
    stage.begin_again().await;
    Verdict::Unclear(why.into())
}

/// Where `cargo xtask escapes` reads what came out.
fn report() -> Box<dyn Write> {
    match std::env::var_os("PORTHOLE_ESCAPES_REPORT") {
        Some(path) => Box::new(std::fs::File::options().append(true).create(true).open(path).unwrap()),
        None => Box::new(std::io::sink()),
    }
}

/// A case whose attempt fails everywhere shows nothing: the same attempt by root of the host, with no container around it
/// but namespaces of its own, must succeed.
#[test]
fn what_is_tried_succeeds_where_nothing_contains_it() {
    if !possible() || !apart::is_apart("what_is_tried_succeeds_where_nothing_contains_it") {
        return;
    }
    let mut silent = Vec::new();
    for case in cases() {
        let Some(verdict) = case.without_a_container() else { continue };
        println!("{:<14} {}: {}", verdict.word(), case.name, verdict.evidence());
        if !matches!(verdict, Verdict::Escaped(_) | Verdict::NotApplicable(_)) {
            silent.push(format!("{}: {verdict:?}", case.name));
        }
    }
    assert_eq!(silent, [""; 0], "these attempts show nothing");
}

/// Who started Porthole without root owns its program, and root inside is that very user.
#[test]
fn the_program_of_an_ordinary_user_cannot_be_changed_from_inside() {
    if !possible() || !apart::is_apart("the_program_of_an_ordinary_user_cannot_be_changed_from_inside") {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut stage = Stage::set_with(Agent::start_as(54_321)).await;
        for case in descriptors::cases().into_iter().filter(|case| case.name.starts_with("CVE-2019-5736")) {
            let verdict = stage.play(&case).await;
            println!("{:<14} {}: {}", verdict.word(), case.name, verdict.evidence());
            assert!(matches!(verdict, Verdict::Contained(_)), "{}: {verdict:?}", case.name);
        }
    });
}

/// Setuid programs count only in the user namespace that has mounted them, which a runtime does not make by itself.
#[test]
fn setuid_programs_gain_by_runc_and_crun_what_they_gain_by_our_own_engine() {
    let name = "setuid_programs_gain_by_runc_and_crun_what_they_gain_by_our_own_engine";
    if !possible() || !apart::is_apart(name) {
        return;
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        for engine in [Engine::Runc, Engine::Crun].into_iter().filter(|engine| is_installed(*engine)) {
            let mut stage = Stage::set().await.on(engine);
            for case in lives::cases().into_iter().filter(|case| case.name.starts_with("setuid programs")) {
                let verdict = play_on(&mut stage, &case).await;
                assert!(matches!(verdict, Verdict::Contained(_)), "{engine:?}: {verdict:?}");
            }
        }
    });
}

#[test]
fn the_threat_model_lists_exactly_these_cases() {
    let document = include_str!("../../../docs/threat-model.md");
    let table = document.split("<!-- escapes -->").nth(1).expect("two marks around the table");
    let listed: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .filter(|name| *name != "case")
        .collect();
    let cases = cases();
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(listed, names, "cargo xtask escapes --write brings the document up to date");
}
