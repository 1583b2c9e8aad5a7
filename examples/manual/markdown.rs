//! Turns the Markdown of `docs/` into a manual page: what stands there once serves both.
//!
//! What is known: headings, paragraphs, lists, tables, code. A row of a table becomes an entry: its first cell the name, its
//! last the text, what is between them a remark with the names of the columns. A kind of text that is not known loses its look,
//! never its words.
//!
//! Pure: no I/O, no clock, no tasks.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What follows the title of `markdown`, as the body of a page.
pub fn page(markdown: &str) -> Roff {
    let mut page = Page { sections: Some(HeadingLevel::H2), is_after_heading: true, ..Page::default() };
    page.take(markdown);
    page.roff
}

/// What stands in `markdown` under the heading `name`, up to the next of its kind, without the heading; nothing where there is
/// no such heading.
pub fn section(markdown: &str, name: &str) -> Option<Roff> {
    let heading = format!("## {name}");
    let begin = markdown.lines().position(|line| line == heading)? + 1;
    let text: Vec<&str> = markdown.lines().skip(begin).take_while(|line| !line.starts_with("## ")).collect();
    let mut page = Page { is_after_heading: true, ..Page::default() };
    page.take(&text.join("\n"));
    Some(page.roff)
}

#[derive(Default)]
struct Page {
    roff: Roff,
    /// Headings of this level begin a section, those below it a part of one.
    sections: Option<HeadingLevel>,
    /// The text of the block that is open.
    line: Vec<Inline>,
    look: Look,
    columns: Vec<String>,
    row: Vec<Vec<Inline>>,
    is_after_heading: bool,
    is_in_item: bool,
    is_in_code: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Look {
    #[default]
    Roman,
    Bold,
    Italic,
    /// Of the document's own title: the page has another.
    Hidden,
}

impl Page {
    fn take(&mut self, markdown: &str) {
        for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
            match event {
                Event::Start(tag) => self.begin(&tag),
                Event::End(tag) => self.end(tag),
                Event::Text(text) if self.is_in_code => self.code(&text),
                Event::Text(text) => self.word(&text),
                Event::Code(text) => self.line.push(bold(text.as_ref())),
                Event::SoftBreak | Event::HardBreak => self.word(" "),
                _ => {}
            }
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { level: HeadingLevel::H1, .. } => self.look = Look::Hidden,
            Tag::Strong => self.look = Look::Bold,
            Tag::Emphasis => self.look = Look::Italic,
            Tag::Paragraph if !self.is_in_item => self.paragraph(),
            Tag::Item => {
                self.is_in_item = true;
                self.control("IP", &["\\(bu", "2"]);
            }
            Tag::CodeBlock(_) => {
                self.is_in_code = true;
                self.paragraph();
                self.control("EX", &[]);
            }
            Tag::Table(_) => self.columns.clear(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.heading(level),
            TagEnd::Strong | TagEnd::Emphasis => self.look = Look::Roman,
            TagEnd::Paragraph => self.text(),
            TagEnd::Item => {
                self.text();
                self.is_in_item = false;
            }
            TagEnd::CodeBlock => {
                self.is_in_code = false;
                self.control("EE", &[]);
            }
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.line)),
            TagEnd::TableHead => self.columns = self.row.drain(..).map(|cell| plain(&cell)).collect(),
            TagEnd::TableRow => self.entry(),
            _ => {}
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        let title = plain(&std::mem::take(&mut self.line));
        self.look = Look::Roman;
        if level == HeadingLevel::H1 {
            return;
        }
        let is_section = self.sections == Some(level);
        let title = if is_section { title.to_uppercase() } else { title };
        self.control(if is_section { "SH" } else { "SS" }, &[&title]);
        self.is_after_heading = true;
    }

    /// A heading has begun one already.
    fn paragraph(&mut self) {
        if !self.is_after_heading {
            self.control("PP", &[]);
        }
        self.is_after_heading = false;
    }

    /// A row of a table.
    fn entry(&mut self) {
        let mut cells = std::mem::take(&mut self.row);
        let remark: Vec<String> = self
            .columns
            .iter()
            .zip(&cells)
            .skip(1)
            .take(cells.len().saturating_sub(2))
            .map(|(column, cell)| (column, plain(cell)))
            .filter(|(_, cell)| !matches!(cell.as_str(), "" | "–"))
            .map(|(column, cell)| if column.is_empty() { cell } else { format!("{column}: {cell}") })
            .collect();
        let last = if cells.len() > 1 { cells.pop() } else { None };
        self.control("TP", &[]);
        self.roff.text(if cells.is_empty() { vec![roman(" ")] } else { cells.swap_remove(0) });
        let mut text = last.unwrap_or_default();
        if !remark.is_empty() {
            text.push(roman(format!(" ({})", remark.join("; "))));
        }
        // An entry without a text would take the next one for its own.
        self.roff.text(if text.is_empty() { vec![roman("\u{a0}")] } else { text });
    }

    fn word(&mut self, text: &str) {
        self.line.push(match self.look {
            Look::Roman => roman(text),
            Look::Bold => bold(text),
            Look::Italic => italic(text),
            Look::Hidden => return,
        });
    }

    fn code(&mut self, text: &str) {
        for line in text.lines() {
            self.roff.text([roman(line)]);
        }
    }

    fn text(&mut self) {
        if !self.line.is_empty() {
            self.roff.text(std::mem::take(&mut self.line));
        }
    }

    fn control(&mut self, name: &str, arguments: &[&str]) {
        self.is_after_heading = false;
        // A tight list has no paragraphs: its text is open when a part of it begins.
        self.text();
        self.roff.control(name, arguments.iter().copied());
    }
}

fn plain(line: &[Inline]) -> String {
    line.iter()
        .map(|part| match part {
            Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => text.as_str(),
            Inline::LineBreak => " ",
        })
        .collect()
}
