//! Completions for shells and the man page, made from the command line's definition.

use std::io;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::SERVICE;
use crate::cli::Cli;

/// What a shell reads to complete the command line.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), SERVICE, &mut text);
    text
}

/// One page for the program and all of its commands.
pub(crate) fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    Roff::new().control("SH", ["COMMANDS"]).to_writer(&mut page)?;
    for command in command.get_subcommands() {
        about(command).to_writer(&mut page)?;
        options(command, &mut page)?;
    }
    man.render_options_section(&mut page)?;
    Ok(page)
}

fn about(command: &Command) -> Roff {
    let mut name = vec![bold(command.get_name())];
    for alias in command.get_visible_aliases() {
        name.extend([roman(", "), bold(alias)]);
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    roff.control("TP", []).text(name).text([roman(about)]);
    roff
}

/// What a command has beyond the program's own options, further in.
fn options(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let own = command.get_arguments().filter(|arg| {
        !arg.is_global_set() && !["help", "version"].contains(&arg.get_id().as_str())
    });
    let own: Vec<_> = own.cloned().collect();
    if own.is_empty() {
        return Ok(());
    }
    let mut section = Vec::new();
    let bare = Command::new("").disable_help_flag(true).args(own);
    Man::new(bare).render_options_section(&mut section)?;
    let section = String::from_utf8_lossy(&section);
    let entries = section.split_once(".SH OPTIONS\n").map_or("", |(_, entries)| entries);
    page.extend_from_slice(format!(".RS\n{entries}.RE\n").as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_completes_every_command_and_flag() {
        for shell in Shell::value_variants() {
            let text = String::from_utf8(completions(*shell)).unwrap();
            for word in ["print-config", "validate", "compat", "collector-endpoint"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn the_page_has_every_command_with_its_options() {
        let page = String::from_utf8(page().unwrap()).unwrap();
        let page = page.replace("\\-", "-");
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(page.contains(&format!("\n.TP\n\\fB{name}\\fR")), "{name}\n{page}");
        }
        for option in ["--compat", "--format", "--origin", "--set", "[default: text]", "start"] {
            assert!(page.contains(option), "{option}\n{page}");
        }
        // There is one page.
        assert!(!page.contains("(1)"), "{page}");
        assert_eq!(page.matches("\n.RS").count(), page.matches("\n.RE").count());
    }
}
