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
