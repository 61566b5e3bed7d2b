//! The parts of a URL that a request needs.

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// `https`, and not `http`.
    pub secure: bool,
    /// The host, and the port if it is given.
    pub authority: &'a str,
    /// The path and what follows it.
    pub path: String,
}

impl<'a> Url<'a> {
    /// Takes an `http` or `https` URL apart. What is behind `#` is for the reader and not for the server.
    pub fn parse(url: &'a str) -> Result<Url<'a>, String> {
        let wrong = |why: &str| format!("`{url}` is no URL that can be asked: {why}");
        let (scheme, rest) =
            url.split_once("://").ok_or_else(|| wrong("it begins with neither `http://` nor `https://`"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("its scheme is neither `http` nor `https`")),
        };
        let rest = rest.split('#').next().unwrap_or(rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err(wrong("it has no host"));
        }
        if authority.contains('@') {
            return Err(wrong("names and passwords belong in a header"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Url { secure, authority, path })
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    fn check(url: &str, secure: bool, authority: &str, path: &str) {
        assert_eq!(Url::parse(url), Ok(Url { secure, authority, path: path.to_owned() }), "{url}");
    }

    #[test]
    fn a_url_is_a_scheme_a_host_and_a_path() {
        check("https://a.com", true, "a.com", "/");
        check("HTTP://a.com:80/b/c?d=e#f", false, "a.com:80", "/b/c?d=e");
        check("http://[::1]:8080?q", false, "[::1]:8080", "/?q");
        check("https://a.com#top", true, "a.com", "/");
    }

    #[test]
    fn what_cannot_be_asked_is_an_error_that_says_why() {
        for (url, why) in [
            ("a.com", "neither `http://`"),
            ("ftp://a.com", "scheme"),
            ("http://", "no host"),
            ("http:///path", "no host"),
            ("https://user:secret@a.com", "belong in a header"),
        ] {
            assert!(Url::parse(url).unwrap_err().contains(why), "{url}");
        }
    }
}
