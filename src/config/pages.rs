//! What the pages show beside what the daemon knows: links into other systems, reasons to be away, words for how a talk went.

use super::reader::{Node, Table, one_of};

/// How many links, reasons or words there may be.
const MOST: usize = 20;
/// What an address may name; each is put in so that it cannot leave its place there.
const FIELDS: [&str; 6] = ["call", "callback", "name", "number", "operator", "page"];

/// `[pages]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Links beside a client.
    pub links: Vec<Link>,
    /// Why operators are away; empty: the pages' own words, in the page's language.
    pub away: Vec<String>,
    /// How talks went; empty: the pages' own words.
    pub dispositions: Vec<Disposition>,
}

/// A link into another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What the page calls it.
    pub name: String,
    /// Where it leads, with `{number}` and the like in it.
    pub url: String,
}

/// A word for how a talk went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// The word.
    pub name: String,
    /// What it does.
    pub means: Means,
}

/// What a word for how a talk went does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// It is noted.
    #[default]
    Note,
    /// It was a machine: the client is tried again as after no answer.
    Machine,
    /// The client is never called.
    DoNotCall,
    /// The client is called again, at a time that is to be named.
    CallAgain,
}

impl Means {
    /// Each with its name.
    pub const ALL: [(&'static str, Means); 4] = [
        ("note", Means::Note),
        ("machine", Means::Machine),
        ("do-not-call", Means::DoNotCall),
        ("call-again", Means::CallAgain),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Means::ALL.iter().find(|(_, means)| *means == self).map_or("", |(name, _)| name)
    }
}

/// Reads the section.
pub(super) fn read(root: &Table<'_>) -> Pages {
    let Some(table) = root.inner("pages") else { return Pages::default() };
    let away = table.get("away").and_then(|node| few(&node));
    let links = table.get("links").and_then(|node| few(&node));
    let words = table.get("dispositions").and_then(|node| few(&node));
    table.close();
    Pages {
        links: links.iter().flatten().filter_map(|node| link(&node.table()?)).collect(),
        away: away.iter().flatten().filter_map(|node| Some(node.name()?.to_string())).collect(),
        dispositions: words.iter().flatten().filter_map(disposition).collect(),
    }
}

fn few<'a>(node: &Node<'a>) -> Option<Vec<Node<'a>>> {
    let list = node.list()?;
    if list.len() > MOST {
        node.fault(format!("`{}` has more than {MOST} items", node.key()), "a page is to be read at a glance");
    }
    Some(list)
}

fn link(table: &Table<'_>) -> Option<Link> {
    let (name, url) = (table.get("name"), table.get("url"));
    if name.is_none() || url.is_none() {
        table.fault(
            "a link has a name and a url",
            "write { name = \"CRM\", url = \"https://crm.example/?phone={number}\" }",
        );
    }
    table.close();
    Some(Link { name: name?.name()?.to_string(), url: address(&url?)? })
}

/// An address of the web alone: any other kind could make the page do something.
fn address(node: &Node<'_>) -> Option<String> {
    let url = node.line_of_text()?.trim();
    if !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(char::is_whitespace) {
        node.fault(format!("\"{url}\" is no address of a page"), "write \"https://crm.example/?phone={number}\"");
        return None;
    }
    for rest in url.split('{').skip(1) {
        let field = rest.split('}').next().unwrap_or_default();
        if !FIELDS.contains(&field) {
            node.fault(format!("an address knows no {{{field}}}"), one_of(field, &FIELDS));
        }
    }
    Some(url.to_owned())
}

/// A word alone is noted and does nothing more.
fn disposition(node: &Node<'_>) -> Option<Disposition> {
    if node.is_text() {
        return Some(Disposition { name: node.name()?.to_string(), means: Means::Note });
    }
    let table = node.table()?;
    let means = table.get("means").map_or(Some(Means::Note), |node| node.word(&Means::ALL));
    let name = table.get("name");
    if name.is_none() {
        table.missing("name", "write { name = \"Автоответчик\", means = \"machine\" }");
    }
    table.close();
    Some(Disposition { name: name?.name()?.to_string(), means: means? })
}
