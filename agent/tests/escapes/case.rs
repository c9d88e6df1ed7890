//! One attempt, and how it may end.

use std::future::Future;
use std::pin::Pin;
use std::process::Command;

use crate::stage::{Stage, probe};

/// How long a case takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Seconds at most.
    Quick,
    /// It takes all there is of something.
    Heavy,
}

/// How an attempt ended, each with its evidence in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Contained(String),
    Escaped(String),
    /// There is nothing to try on this host or with this engine.
    NotApplicable(String),
    /// The attempt itself did not get so far.
    Unclear(String),
}

impl Verdict {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Contained(_) => "contained",
            Self::Escaped(_) => "escaped",
            Self::NotApplicable(_) => "not applicable",
            Self::Unclear(_) => "unclear",
        }
    }

    pub fn evidence(&self) -> &str {
        match self {
            Self::Contained(said) | Self::Escaped(said) | Self::NotApplicable(said) | Self::Unclear(said) => {
                said
            }
        }
    }

    /// What an attempt said of itself: `contained …`, `escaped …` or `none …`, on the last such line.
    pub fn of(said: &str) -> Self {
        let words = |line: &str| {
            let (word, evidence) = line.split_once(' ')?;
            let evidence = evidence.trim().to_owned();
            match word {
                "contained" => Some(Self::Contained(evidence)),
                "escaped" => Some(Self::Escaped(evidence)),
                "none" => Some(Self::NotApplicable(evidence)),
                _ => None,
            }
        };
        let verdict = said.lines().rev().find_map(words);
        verdict.unwrap_or_else(|| Self::Unclear(format!("it said {:?}", said.trim())))
    }
}

/// Contained when `holds`, with the evidence of that or of the contrary.
pub fn verdict(holds: bool, contained: impl Into<String>, escaped: impl Into<String>) -> Verdict {
    if holds { Verdict::Contained(contained.into()) } else { Verdict::Escaped(escaped.into()) }
}

pub type Play<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;

/// What is tried.
pub enum Attempt {
    /// A shell script, as root of a container, that says how it went.
    Script(&'static str),
    /// The probe's attempt of this name, as root of a container.
    Probe(&'static str),
    /// A course of events that the test conducts.
    Course(for<'a> fn(&'a mut Stage) -> Play<'a>),
}

/// A row of the catalogue.
pub struct Case {
    /// The number of the hole that it was elsewhere, if it has one, and what is tried.
    pub name: &'static str,
    pub weight: Weight,
    pub attempt: Attempt,
    /// Whether root of the host can make the same attempt, unharmed, to show that it can succeed.
    pub succeeds_outside: bool,
}

impl Case {
    pub fn script(name: &'static str, script: &'static str) -> Self {
        Self { name, weight: Weight::Quick, attempt: Attempt::Script(script), succeeds_outside: false }
    }

    pub fn probe(name: &'static str, attempt: &'static str) -> Self {
        Self { name, weight: Weight::Quick, attempt: Attempt::Probe(attempt), succeeds_outside: false }
    }

    pub fn course(name: &'static str, course: for<'a> fn(&'a mut Stage) -> Play<'a>) -> Self {
        Self { name, weight: Weight::Quick, attempt: Attempt::Course(course), succeeds_outside: false }
    }

    pub fn heavy(self) -> Self {
        Self { weight: Weight::Heavy, ..self }
    }

    pub fn succeeds_outside(self) -> Self {
        Self { succeeds_outside: true, ..self }
    }

    /// The command that makes the attempt.
    pub fn command(&self) -> Option<Vec<String>> {
        match &self.attempt {
            Attempt::Script(script) => {
                Some(["sh", "-c", &format!("{WORDS}{script}")].map(str::to_owned).to_vec())
            }
            Attempt::Probe(attempt) => Some(["probe", "attempt", attempt].map(str::to_owned).to_vec()),
            Attempt::Course(_) => None,
        }
    }

    /// How the attempt ends in namespaces of its own with nothing else around it; none where that is not to be tried.
    pub fn without_a_container(&self) -> Option<Verdict> {
        let command = self.command().filter(|_| self.succeeds_outside)?;
        let program = probe();
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", program.parent().unwrap().display());
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["--net", "--ipc", "--uts"])
            .args(command)
            .env("PATH", path)
            .output()
            .unwrap();
        Some(Verdict::of(&String::from_utf8_lossy(&output.stdout)))
    }
}

/// How a script says how it went, and ends.
const WORDS: &str = "contained() { echo contained $*; exit 0; }; escaped() { echo escaped $*; exit 0; }; \
                     none() { echo none $*; exit 0; }\n";
