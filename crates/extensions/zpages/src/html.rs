//! Writing HTML in which every text is a text.

use std::fmt::{Display, Write};

/// A page that is being written.
pub(crate) struct Html {
    out: String,
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}\
nav a{margin-right:1.2rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .4rem}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem;border-bottom:1px solid #8885}\
th{font-weight:600}\
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.good{color:#2a8a3e}.bad{color:#d1242f;font-weight:600}.quiet{opacity:.65}\
small{display:block;opacity:.8;overflow-wrap:anywhere}";

/// Where the links at the top of every page lead.
const PAGES: [(&str, &str); 4] = [
    ("/debug/servicez", "service"),
    ("/debug/pipelinez", "pipelines"),
    ("/debug/extensionz", "extensions"),
    ("/debug/featurez", "features"),
];

impl Html {
    /// Begins a page.
    pub(crate) fn page(title: &str) -> Self {
        let mut html = Self { out: String::with_capacity(4096) };
        html.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
        html.element("title", title);
        html.raw("<style>").raw(STYLE).raw("</style></head>\n<body>\n<nav>");
        for (path, name) in PAGES {
            html.raw("<a href=\"").text(path).raw("\">").text(name).raw("</a>");
        }
        html.raw("</nav>\n");
        html.element("h1", title);
        html
    }

    /// Everything that was written, with its end.
    pub(crate) fn finish(mut self) -> String {
        self.raw("</body></html>\n");
        self.out
    }

    /// Markup as it stands.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// A text. Whatever is in it, it is shown and does nothing.
    pub(crate) fn text(&mut self, text: impl Display) -> &mut Self {
        let mut escaping = Escaping(&mut self.out);
        // Writing to a string cannot fail.
        let _infallible = write!(escaping, "{text}");
        self
    }

    /// An element that is a text.
    pub(crate) fn element(&mut self, name: &'static str, text: impl Display) -> &mut Self {
        self.raw("<").raw(name).raw(">").text(text).raw("</").raw(name).raw(">\n")
    }

    /// A cell with a number.
    pub(crate) fn number(&mut self, number: impl Display) -> &mut Self {
        self.raw("<td class=\"number\">").text(number).raw("</td>")
    }
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_become_markup() {
        let mut html = Html::page("<b>");
        html.element("p", "\"a\" & 'b' <script>alert(1)</script>");
        let page = html.finish();
        assert!(page.contains("<h1>&lt;b&gt;</h1>"), "{page}");
        let text = "<p>&quot;a&quot; &amp; &#39;b&#39; &lt;script&gt;alert(1)&lt;/script&gt;</p>";
        assert!(page.contains(text), "{page}");
    }
}
