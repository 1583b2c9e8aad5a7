//! The manual pages: one for the program, one for each of its commands, one for the configuration.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use jiff::Timestamp;

use super::markdown;

const MANUAL: &str = "Amazon CloudWatch Publisher";
const SOURCE: &str = concat!("cloudwatch-publisher ", env!("CARGO_PKG_VERSION"));

const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// Sections of `docs/operations.md`, and what they are called in a manual.
const OF_OPERATIONS: [(&str, &str); 2] =
    [("Commands and signals", "SIGNALS AND EXIT STATUS"), ("Files and folders", "FILES")];

/// The day of a page: that of `SOURCE_DATE_EPOCH`, none where that is not set.
///
/// # Errors
/// Where it holds anything but seconds since 1970.
pub fn date(source_date_epoch: Option<&str>) -> io::Result<String> {
    let Some(seconds) = source_date_epoch else { return Ok(String::new()) };
    let wrong = || io::Error::other(format!("SOURCE_DATE_EPOCH is `{seconds}`; seconds since 1970 are right"));
    let time = Timestamp::from_second(seconds.parse().map_err(|_| wrong())?).map_err(|_| wrong())?;
    Ok(time.strftime("%Y-%m-%d").to_string())
}

/// All pages, dated `date`, into `folder`.
///
/// # Errors
/// Where one cannot be written, or a section that it takes from `docs/` is gone.
pub fn write(command: Command, date: &str, folder: &Path) -> io::Result<()> {
    // `help` says nothing that the pages do not.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    program(&command, date, folder)?;
    for each in command.get_subcommands() {
        commands(each, date, folder)?;
    }
    configuration(date, folder)
}

fn program(command: &Command, date: &str, folder: &Path) -> io::Result<()> {
    let man = man(command, date);
    let mut file = File::create(folder.join(man.get_filename()))?;
    begin(&man, &mut file)?;
    man.render_subcommands_section(&mut file)?;
    for (name, heading) in OF_OPERATIONS {
        let section = markdown::section(OPERATIONS, name)
            .ok_or_else(|| io::Error::other(format!("docs/operations.md has no section `{name}` any more")))?;
        headed(heading, section).to_writer(&mut file)?;
    }
    headed("SEE ALSO", Roff::from(roman("cloudwatch-publisher.json(5), journalctl(1), systemctl(1)")))
        .to_writer(&mut file)
}

/// The page of a command, and those of the commands below it.
fn commands(command: &Command, date: &str, folder: &Path) -> io::Result<()> {
    let man = man(command, date);
    let mut file = File::create(folder.join(man.get_filename()))?;
    begin(&man, &mut file)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut file)?;
    }
    if let Some(notes) = command.get_after_help() {
        headed("NOTES", Roff::from(roman(notes.to_string()))).to_writer(&mut file)?;
    }
    headed("SEE ALSO", Roff::from(roman("cloudwatch-publisher(1), cloudwatch-publisher.json(5)")))
        .to_writer(&mut file)?;
    command.get_subcommands().try_for_each(|each| commands(each, date, folder))
}

fn configuration(date: &str, folder: &Path) -> io::Result<()> {
    let mut page = Roff::new();
    page.control("TH", ["cloudwatch-publisher.json", "5", date, SOURCE, MANUAL]);
    page.control("SH", ["NAME"]);
    page.text([roman("cloudwatch-publisher.json - what the publisher collects, and where it sends it")]);
    page.control("SH", ["DESCRIPTION"]);
    // The longest keys are longer than a line: it would be torn apart to fill it.
    page.control("ad", ["l"]);
    page.extend([markdown::page(CONFIGURATION)]);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman("cloudwatch-publisher(1), cloudwatch-publisher-check(1)")]);
    let mut file = File::create(folder.join("cloudwatch-publisher.json.5"))?;
    page.to_writer(&mut file)?;
    file.flush()
}

fn man(command: &Command, date: &str) -> Man {
    Man::new(command.clone()).date(date).source(SOURCE).manual(MANUAL)
}

fn begin(man: &Man, file: &mut File) -> io::Result<()> {
    man.render_title(file)?;
    man.render_name_section(file)?;
    man.render_synopsis_section(file)?;
    man.render_description_section(file)?;
    man.render_options_section(file)
}

fn headed(heading: &str, body: Roff) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [heading]);
    section.extend([body]);
    section
}
