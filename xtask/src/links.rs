//! `cargo xtask links`: check of the links of the Markdown files, as GitHub shows them, to
//! files of the repository, headings, and the documentation that `cargo doc` has built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pulldown_cmark::{BrokenLink, Event, Options, Parser, Tag, TagEnd};

use crate::{Failure, Outcome};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Folder of the documentation, of all crates with all features.
    #[arg(long, default_value = "target/doc")]
    docs: PathBuf,
}

/// Pages that only rustdoc shows, whose links rustdoc checks.
const RUSTDOC_PAGES: [&str; 4] =
    ["docs/account.md", "docs/guide.md", "docs/fleet.md", "server/docs/protocol.md"];

/// Follows all links, and lists those that lead nowhere.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = root.join(&arguments.docs);
    if !docs.is_dir() {
        return Err(Failure::Input(format!("{} is no folder: run cargo doc", docs.display())));
    }
    let (mut followed, mut broken) = (0, Vec::new());
    for file in files(&root)? {
        let text = fs::read_to_string(root.join(&file)).map_err(Failure::input)?;
        let page = Page::read(&text);
        for link in &page.links {
            let leads = match link.split_once("https://docs.rs/cloudflare-calls") {
                Some((_, rest)) => has_item(&docs, rest),
                None if link.contains("://") => continue,
                None => page.leads(&root.join(&file), link),
            };
            followed += 1;
            if !leads {
                broken.push(format!("{file}: {link}"));
            }
        }
        broken.extend(page.undefined.iter().map(|link| format!("{file}: [{link}] is not defined")));
    }
    if followed == 0 {
        return Err(Failure::Differs("no link was found".to_owned()));
    }
    if !broken.is_empty() {
        return Err(Failure::Differs(format!("these lead nowhere:\n{}", broken.join("\n"))));
    }
    println!("{followed} links lead somewhere");
    Ok(())
}

/// Lists the Markdown files under version control, without those of rustdoc.
fn files(root: &Path) -> Result<Vec<String>, Failure> {
    let listed = Command::new("git").current_dir(root).args(["ls-files", "*.md"]).output();
    let listed = listed.map_err(Failure::input)?;
    let names = String::from_utf8(listed.stdout).map_err(Failure::input)?;
    let is_shown = |name: &&str| !RUSTDOC_PAGES.contains(name);
    Ok(names.lines().filter(is_shown).map(str::to_owned).collect())
}

/// Returns whether the documentation has the page, and the item on it. `rest` is the path
/// behind `cloudflare-calls`, with which the names of all crates begin.
fn has_item(docs: &Path, rest: &str) -> bool {
    let Some((crate_end, path)) = rest.split_once('/') else {
        return docs.join(format!("cloudflare_calls{}", rest.replace('-', "_"))).is_dir();
    };
    let Some(path) = path.strip_prefix("latest/") else { return false };
    let (path, item) = path.split_once('#').unwrap_or((path, ""));
    let is_own = path.starts_with(&format!("cloudflare_calls{}/", crate_end.replace('-', "_")));
    let Ok(page) = fs::read_to_string(docs.join(path)) else { return false };
    is_own && (item.is_empty() || page.contains(&format!("id=\"{item}\"")))
}

/// Links and headings of a Markdown file.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    headings: Vec<String>,
    /// References without a definition.
    undefined: Vec<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut undefined = Vec::new();
        let note = |link: BrokenLink<'_>| {
            undefined.push(link.reference.to_string());
            None
        };
        let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS;
        let mut heading = None;
        for event in Parser::new_with_broken_link_callback(text, options, Some(note)) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.to_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.headings.extend(heading.take().map(|text| slug(&text)));
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    page.links.extend(sources(&html).map(str::to_owned));
                }
                _ => {}
            }
        }
        // Only links to code are kept, because other brackets may be text.
        page.undefined = undefined.into_iter().filter(|link| link.starts_with('`')).collect();
        page
    }

    /// Returns whether a link within the repository leads to a file or heading.
    fn leads(&self, file: &Path, link: &str) -> bool {
        match link.strip_prefix('#') {
            Some(heading) => self.headings.iter().any(|known| known == heading),
            None => file
                .parent()
                .is_some_and(|folder| folder.join(link.split('#').next().unwrap_or(link)).exists()),
        }
    }
}

/// Returns the anchor that GitHub gives to a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Lists the files that HTML shows.
fn sources(html: &str) -> impl Iterator<Item = &str> {
    let parts = ["src=\"", "srcset=\""];
    parts.into_iter().flat_map(|start| html.split(start).skip(1)).filter_map(|rest| {
        let (source, _) = rest.split_once('"')?;
        Some(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_headings_and_pictures_are_found_but_not_in_code() {
        let page = Page::read(
            "# What `it` is\n[a](b.md) [c] [`d`]\n\n`[x](y.md)`\n\n```\n[z](z.md)\n```\n\n\
             <picture><img src=\"p.svg\"></picture>\n\n[c]: #what-it-is\n",
        );
        assert_eq!(page.links, ["b.md", "#what-it-is", "p.svg"]);
        assert_eq!(page.headings, ["what-it-is"]);
        assert_eq!(page.undefined, ["`d`"]);
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(page.leads(&here, "#what-it-is") && page.leads(&here, "src/main.rs"));
        assert!(!page.leads(&here, "#other") && !page.leads(&here, "b.md"));
    }

    #[test]
    fn items_of_the_documentation_are_looked_up() {
        let docs = tempfile::tempdir().unwrap();
        let folder = docs.path().join("cloudflare_calls_redis");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("index.html"), "<a id=\"here\">").unwrap();
        assert!(has_item(docs.path(), "-redis"));
        assert!(has_item(docs.path(), "-redis/latest/cloudflare_calls_redis/index.html#here"));
        assert!(!has_item(docs.path(), "-redis/latest/cloudflare_calls_redis/index.html#there"));
        assert!(!has_item(docs.path(), "-redis/latest/cloudflare_calls_redis/other.html"));
        assert!(!has_item(docs.path(), "/latest/cloudflare_calls_redis/index.html"));
    }
}
