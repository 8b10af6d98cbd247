//! Every command tells what it does, with an example that works.

use crate::Arguments;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

/// Every command that does something, by its words.
fn leaves(command: &Command, path: &[String], found: &mut Vec<(Vec<String>, Command)>) {
    let mut subcommands = command.get_subcommands().peekable();
    if subcommands.peek().is_none() {
        found.push((path.to_vec(), command.clone()));
    }
    for subcommand in subcommands {
        let path = [path, &[subcommand.get_name().to_owned()]].concat();
        leaves(subcommand, &path, found);
    }
}

fn all() -> Vec<(Vec<String>, Command)> {
    let mut found = Vec::new();
    leaves(&Arguments::command(), &[], &mut found);
    found
}

/// The words of the command that these matches are of.
fn reached(mut matches: &ArgMatches) -> Vec<String> {
    let mut path = Vec::new();
    while let Some((name, inner)) = matches.subcommand() {
        path.push(name.to_owned());
        matches = inner;
    }
    path
}

#[test]
fn every_command_has_an_example_that_reaches_it() {
    let found = all();
    assert!(found.len() > 70, "{}", found.len());
    for (path, command) in found {
        assert!(command.get_about().is_some(), "{path:?} does not say what it does");
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let example = help.strip_prefix("Example: ").unwrap_or_else(|| panic!("{path:?}: {help}"));
        // The example of what several roles do is of one of them.
        let words = example.split_whitespace().enumerate();
        let words = words.map(|(at, word)| if at == 1 { path[0].as_str() } else { word });
        let matches = Arguments::command().try_get_matches_from(words);
        let matches = matches.unwrap_or_else(|error| panic!("{path:?}: {example}\n{error}"));
        assert_eq!(reached(&matches), path, "{example}");
        // Panics where a command names an argument as one above it does.
        assert!(Arguments::from_arg_matches(&matches).is_ok(), "{example}");
    }
}

/// What documents print as commands: placeholders in capitals stand for ids.
#[test]
fn documented_commands_are_commands() {
    let id = "00112233445566778899aabbccddeeff";
    let handle = format!("{id}.1767225300000.{id}");
    let placeholders = [
        ("SUBJECT", id),
        ("DEVICE", id),
        ("pid:PARTICIPANT", &format!("pid:{id}")),
        ("COMMAND", &handle),
        ("DIRECTIVE", "ward"),
    ];
    let text = include_str!("../../docs/domain.md");
    let mut found = 0;
    for line in text.lines().filter(|line| line.starts_with("ioht ")) {
        let words = line.split_whitespace().take_while(|word| *word != "#");
        let words = words.map(|word| {
            placeholders.iter().find(|(name, _)| *name == word).map_or(word, |(_, value)| value)
        });
        let parsed = Arguments::command().try_get_matches_from(words);
        assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        found += 1;
    }
    assert!(found > 10, "{found}");
}

const LIST: &str = "\
# Commands of `ioht`

Generated from the command, which tells more of each with `--help`. All but `demo` take `--json`, and all but `demo`
and `recording`, which need no network, take `--profile FILE`. A delegate has these commands of the patient's, too, with
`--for SUBJECT`: what is about consent, the care team, devices and who looked.
";

/// The list of all commands; `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_list_of_commands_is_as_reviewed() {
    let about = |command: &Command| command.get_about().unwrap().to_string();
    let patients: Vec<String> =
        all().iter().filter(|(path, _)| path[0] == "patient").map(|(_, it)| about(it)).collect();
    let mut root = Arguments::command();
    root.build();
    let mut listed = Vec::new();
    leaves(&root, &[], &mut listed);
    let mut text = LIST.to_owned();
    let mut role = String::new();
    for (path, mut command) in listed {
        let again = path[0] == "delegate" && patients.contains(&about(&command));
        if again || path.iter().any(|word| word == "help") {
            continue;
        }
        if role != path[0] {
            role.clone_from(&path[0]);
            text.push_str(&format!("\n## {role}\n\n"));
        }
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").replace(" [OPTIONS]", "");
        text.push_str(&format!("- `{usage}`: {}\n", about(&command)));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ioht-commands.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let reviewed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(reviewed, text, "review the change, then run with UPDATE_GOLDEN=1");
}

#[test]
fn every_argument_is_explained() {
    for (path, command) in all() {
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path:?}: {}", argument.get_id());
        }
    }
}

#[test]
fn the_tree_is_sound() {
    Arguments::command().debug_assert();
}
