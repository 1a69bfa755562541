//! Finds files by patterns, as upstream's: `**` is any number of folders, everything else stays within one name.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use globset::{GlobBuilder, GlobMatcher};
use tracing::warn;

/// The characters that make a name a pattern.
const SPECIAL: [char; 4] = ['*', '?', '[', '{'];

/// One pattern, with the folder in which its files are.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    matcher: GlobMatcher,
    root: PathBuf,
    /// How many folders below the root they may be; `None` for any number.
    depth: Option<usize>,
}

impl Pattern {
    /// # Errors
    ///
    /// The text is no pattern.
    pub(crate) fn new(text: &str) -> Result<Self, globset::Error> {
        let matcher = GlobBuilder::new(text).literal_separator(true).build()?.compile_matcher();
        let parts: Vec<Component<'_>> = Path::new(text).components().collect();
        let is_special =
            |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(SPECIAL);
        let literal = parts.iter().take_while(|part| !is_special(part)).count();
        let literal = literal.min(parts.len().saturating_sub(1));
        // Braces may hold separators, so what lies below them is anywhere.
        let is_deep = text.contains("**") || text.contains('{');
        Ok(Self {
            matcher,
            root: parts[..literal].iter().collect(),
            depth: (!is_deep).then(|| parts.len() - literal - 1),
        })
    }

    /// Whether a path is meant.
    fn matches(&self, path: &Path) -> bool {
        self.matcher.is_match(path)
    }
}

/// The files that a receiver reads.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    pub(crate) include: Vec<Pattern>,
    pub(crate) exclude: Vec<Pattern>,
    /// Zero leaves out none.
    pub(crate) exclude_older_than: Duration,
}

impl Paths {
    /// All files that there are, each once, in the order of the patterns and by name. Blocks.
    pub(crate) fn find(&self) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for pattern in &self.include {
            let mut matched = Vec::new();
            let root = match pattern.root.as_os_str().is_empty() {
                true => Path::new("."),
                false => &pattern.root,
            };
            walk(root, &pattern.root, pattern.depth, &mut |path| {
                if pattern.matches(&path) && !self.exclude.iter().any(|not| not.matches(&path)) {
                    matched.push(path);
                }
            });
            matched.sort_unstable();
            found.extend(matched.into_iter().filter(|path| seen.insert(path.clone())));
        }
        if !self.exclude_older_than.is_zero() {
            found.retain(|path| !is_older(path, self.exclude_older_than));
        }
        found
    }
}

fn is_older(path: &Path, limit: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|found| found.modified());
    modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > limit))
}

/// Visits every file of a folder, and of those below it. `shown` is the folder as it was written. A folder that cannot be read
/// is left out.
fn walk(folder: &Path, shown: &Path, depth: Option<usize>, visit: &mut dyn FnMut(PathBuf)) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            warn!(folder = %folder.display(), %error, "cannot read the folder, its files are left out");
            return;
        }
    };
    for entry in entries.flatten() {
        let path = shown.join(entry.file_name());
        // What a link leads to counts, but folders behind links are not gone into: they may lead back.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match (is_folder, depth) {
            (true, Some(0)) => {}
            (true, _) => walk(&entry.path(), &path, depth.map(|depth| depth - 1), visit),
            (false, _) => {
                if fs::metadata(entry.path()).is_ok_and(|found| found.is_file()) {
                    visit(path);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_what_upstreams_find() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["a.json", "b.json", "c.log", "x/a.json", "x/y/a.json", "x/y/b.log"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write(root.join(name), "x").unwrap();
        }
        let find = |include: &[&str], exclude: &[&str]| {
            let patterns = |texts: &[&str]| {
                let full = texts.iter().map(|text| format!("{}/{text}", root.display()));
                full.map(|text| Pattern::new(&text).unwrap()).collect()
            };
            let paths = Paths {
                include: patterns(include),
                exclude: patterns(exclude),
                exclude_older_than: Duration::ZERO,
            };
            let found = paths.find().into_iter();
            let names = found.map(|path| path.strip_prefix(root).unwrap().display().to_string());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(find(&["*.json"], &[]), "a.json b.json");
        assert_eq!(find(&["**/*.json"], &[]), "a.json b.json x/a.json x/y/a.json");
        assert_eq!(find(&["x/*/*"], &["**/*.log"]), "x/y/a.json");
        assert_eq!(find(&["b.json", "*.json"], &[]), "b.json a.json");
        assert_eq!(find(&["{c,x/a}.*"], &[]), "c.log x/a.json");
        assert_eq!(find(&["?.log", "[ab].json"], &["b*"]), "c.log a.json");
        assert_eq!(find(&["none/*"], &[]), "");
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["[a", "{a"] {
            Pattern::new(text).unwrap_err();
        }
    }
}
