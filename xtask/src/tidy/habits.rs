//! Words of code that have one place, or none.

use super::finding::Finding;
use super::source::{Repository, Source, find_words, line_of};

/// A word of code, and where it may stand.
struct Habit {
    word: &'static str,
    /// Only files under these are looked at; all when empty.
    within: &'static [&'static str],
    /// Files under these may hold it.
    allowed: &'static [&'static str],
    /// Whether tests must obey as well.
    tests_too: bool,
    sentence: &'static str,
}

impl Habit {
    const fn nowhere(word: &'static str, sentence: &'static str) -> Self {
        Self { word, within: &[], allowed: &[], tests_too: true, sentence }
    }

    const fn only(word: &'static str, allowed: &'static [&'static str], sentence: &'static str) -> Self {
        Self { word, within: &[], allowed, tests_too: false, sentence }
    }
}

const SYS: &[&str] = &["launcher/src/sys.rs", "launcher/src/sys/", "launcher/probe/src/sys.rs"];
const HTTP: &[&str] = &["agent/src/http.rs", "agent/src/http/"];
const BROWSER: &[&str] = &[
    "frontend/src/main.rs",
    "frontend/src/interop.rs",
    "frontend/src/interop/",
    "frontend/src/net.rs",
    "frontend/src/net/",
];
/// The hook that owns tasks, and what a task of its own needs.
const TASKS: &[&str] = &["frontend/src/hooks/use_task.rs", "frontend/src/net.rs", "frontend/src/net/"];
const INTEROP: &[&str] = &["frontend/src/interop.rs", "frontend/src/interop/"];

const HABITS: [Habit; 16] = [
    Habit {
        tests_too: true,
        ..Habit::only(
            "unsafe",
            SYS,
            "`unsafe` lives in launcher/src/sys.rs alone (and in the sys.rs of the probe, a test)",
        )
    },
    Habit::only("axum", HTTP, "axum stays under agent/src/http: the rest does not know what carries it"),
    Habit::only("web_sys", BROWSER, "web-sys stays under frontend/src/interop and frontend/src/net"),
    Habit::only(
        "wasm_bindgen",
        BROWSER,
        "wasm-bindgen stays under frontend/src/interop and frontend/src/net",
    ),
    Habit::only("js_sys", BROWSER, "js-sys stays under frontend/src/interop and frontend/src/net"),
    Habit {
        within: &["frontend/"],
        ..Habit::only("extern \"", INTEROP, "every extern block lives under frontend/src/interop")
    },
    Habit::nowhere("tokio::spawn", "a task has an owner that joins it: use a JoinSet or a TaskTracker"),
    Habit::nowhere(
        "thread::spawn",
        "a thread has an owner that joins it: use thread::scope, or spawn_blocking on the runtime",
    ),
    Habit::only(
        "spawn_local",
        TASKS,
        "a task of the page has an owner: use the hook of frontend/src/hooks/use_task.rs",
    ),
    Habit {
        within: &["frontend/"],
        ..Habit::nowhere(
            ".forget()",
            "what is forgotten is never freed: keep the closure where its owner drops it",
        )
    },
    Habit::nowhere("unbounded_channel", "a queue has a capacity with a name"),
    Habit::only(
        ".unwrap()",
        &[],
        "outside tests, `expect` states the invariant, or the error goes on with `?`",
    ),
    Habit::nowhere("todo!", "finish it, or leave it out"),
    Habit::nowhere("unimplemented!", "finish it, or leave it out"),
    Habit::nowhere("#[ignore", "a test that does not run proves nothing: mend it or delete it"),
    Habit::nowhere("allow(dead_code)", "delete what nothing uses"),
];

/// Every Rust file against every habit.
pub(super) fn everything_has_its_place(repository: &Repository) -> Vec<Finding> {
    let rust = repository.files.iter().filter(|file| file.path.ends_with(".rs"));
    rust.flat_map(|file| HABITS.iter().flat_map(|habit| broken(habit, file))).collect()
}

fn broken(habit: &Habit, file: &Source) -> Vec<Finding> {
    let under = |places: &[&str]| places.iter().any(|place| file.path.starts_with(place));
    let looked_at = habit.within.is_empty() || under(habit.within);
    if !looked_at || under(habit.allowed) || (!habit.tests_too && !file.is_product()) {
        return Vec::new();
    }
    let code = if habit.tests_too { file.code() } else { file.product_code() };
    find_words(&code, habit.word)
        .map(|at| Finding::new(&file.path, line_of(&code, at), habit.sentence))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each habit, in order, a line that breaks it and one in its place (or in a comment) that does not.
    const SAMPLES: [(&str, &str, (&str, &str)); 16] = [
        ("agent/src/lib.rs", "unsafe { libc::fork() };", ("launcher/src/sys.rs", "unsafe { fork() };")),
        ("agent/src/engine.rs", "use axum::Router;", ("agent/src/http/api.rs", "use axum::Router;")),
        (
            "frontend/src/pages/home.rs",
            "use web_sys::Window;",
            ("frontend/src/net/socket.rs", "use web_sys::Url;"),
        ),
        (
            "frontend/src/state.rs",
            "use wasm_bindgen::JsCast;",
            ("frontend/src/interop.rs", "use wasm_bindgen::JsCast;"),
        ),
        (
            "frontend/src/state.rs",
            "js_sys::Date::now();",
            ("frontend/src/interop.rs", "js_sys::Date::now();"),
        ),
        ("frontend/src/net.rs", "extern \"C\" {}", ("launcher/init/src/main.rs", "extern \"C\" fn f() {}")),
        ("agent/src/lib.rs", "tokio::spawn(work());", ("agent/src/lib.rs", "tasks.spawn(work());")),
        ("agent/src/lib.rs", "std::thread::spawn(work);", ("agent/src/lib.rs", "thread::scope(work);")),
        (
            "frontend/src/pages/home.rs",
            "spawn_local(work());",
            ("frontend/src/net.rs", "spawn_local(work());"),
        ),
        ("frontend/src/interop.rs", "closure.forget();", ("agent/src/lib.rs", "permit.forget();")),
        ("agent/src/lib.rs", "mpsc::unbounded_channel();", ("agent/src/lib.rs", "mpsc::channel(PENDING);")),
        (
            "agent/src/lib.rs",
            "a.unwrap();",
            ("agent/src/lib.rs", "#[cfg(test)] mod tests { fn t() { a.unwrap(); } }"),
        ),
        ("agent/src/lib.rs", "todo!()", ("agent/src/lib.rs", "\"todo!\"")),
        ("agent/src/lib.rs", "unimplemented!()", ("agent/src/lib.rs", "/* unimplemented!() */")),
        ("agent/tests/run.rs", "#[ignore = \"slow\"]", ("agent/tests/run.rs", "#[test]")),
        ("agent/src/lib.rs", "#[allow(dead_code)]", ("agent/src/lib.rs", "#[expect(missing_docs)]")),
    ];

    #[test]
    fn each_habit_is_found_broken_and_kept() {
        for (habit, (path, bad, (place, good))) in HABITS.iter().zip(SAMPLES) {
            let text = format!("fn f() {{}}\n{bad}\n");
            let findings = everything_has_its_place(&Repository::sample(&[(path, &text)]));
            assert_eq!(findings, [Finding::new(path, 2, habit.sentence)], "{}", habit.word);
            assert_eq!(everything_has_its_place(&Repository::sample(&[(place, good)])), [], "{}", habit.word);
        }
    }
}
