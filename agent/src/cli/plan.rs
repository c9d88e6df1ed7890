//! `plan`: the kernel steps that would make a container, in order, without taking one.

use std::fmt::Write;

use clap::Args;
use porthole_protocol::http::PlanStep;

use super::client::Client;
use super::failure::Failure;
use super::output::{print, print_json, style};
use super::process::LaunchArgs;

/// Arguments of `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub launch: LaunchArgs,
}

/// Runs the verb.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &PlanArgs) -> Result<(), Failure> {
    args.launch.check()?;
    let steps: Vec<PlanStep> = client.post("plan", &args.launch.spec(false)).await?;
    if args.json { print_json(&steps) } else { print(numbered(&steps)) }
}

/// Each step on a line of its own, and below it why.
fn numbered(steps: &[PlanStep]) -> String {
    let digits = steps.len().to_string().len();
    let actor = steps.iter().map(|step| step.actor.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (number, step) in (1..).zip(steps) {
        let indent = digits + actor + 4;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{number:digits$}  {:actor$}  {}", step.actor, style::bold(&step.call));
        let _ = writeln!(text, "{:indent$}{}", "", style::dim(&step.why));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_and_aligned() {
        let step = |actor: &str, call: &str| PlanStep {
            actor: actor.into(),
            call: call.into(),
            why: "Because.".into(),
        };
        let mut steps = vec![step("init", "setsid()"); 10];
        steps[0] = step("launcher", "clone3(…)");
        let plain = anstream::adapter::strip_str(&numbered(&steps)).to_string();
        assert!(
            plain.starts_with(" 1  launcher  clone3(…)\n              Because.\n 2  init      setsid()\n"),
            "{plain}"
        );
        assert!(plain.contains("\n10  init      setsid()\n"), "{plain}");
    }
}
