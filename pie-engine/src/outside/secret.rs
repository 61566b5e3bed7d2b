//! What is secret in questions and answers, and stays out of traces: the values of headers that say who somebody is, and of parameters in URLs that do.
//! Nothing is kept of them, not even a digest, because short secrets are found by trying.

use super::{Answer, HttpRequest, HttpResponse, Question};
use crate::trace::Whole;

/// What a trace has in the place of a secret.
pub const HIDDEN: &str = "(hidden)";

/// Words of a name whose value is secret.
const SECRET_WORDS: [&str; 9] = [
    "authorization",
    "cookie",
    "cookie2",
    "token",
    "secret",
    "password",
    "credential",
    "apikey",
    "signature",
];

/// Whether the value of a header, or of a parameter in a URL, is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(|char: char| !char.is_ascii_alphanumeric()).collect();
    let is_key =
        words.windows(2).any(|pair| matches!(pair, ["api" | "access" | "subscription" | "auth", "key"]));
    is_key || name == "key" || name == "sig" || words.iter().any(|word| SECRET_WORDS.contains(word))
}

impl Question {
    /// The question as a trace has it.
    #[must_use]
    pub fn shown(&self) -> Question {
        match self {
            Question::HttpRequest(request) => Question::HttpRequest(request.shown()),
            other => other.clone(),
        }
    }
}

impl Answer {
    /// The answer as a trace has it.
    #[must_use]
    pub fn shown(&self) -> Answer {
        match self {
            Answer::HttpResponse(response) => Answer::HttpResponse(response.shown()),
            other => other.clone(),
        }
    }
}

impl HttpRequest {
    /// The request as a trace has it.
    #[must_use]
    pub fn shown(&self) -> HttpRequest {
        let url = shown_url(&self.url);
        HttpRequest { url, headers: shown_headers(&self.headers), ..self.clone() }
    }
}

impl HttpResponse {
    /// The response as a trace has it.
    #[must_use]
    pub fn shown(&self) -> HttpResponse {
        let headers = self.headers.iter().map(|(name, value)| match name.as_str() {
            // It may lead back with what was hidden in the question.
            "location" => {
                (name.clone(), value.as_str().map_or_else(|| value.clone(), |url| shown_url(url).into()))
            }
            _ => shown_header(name, value),
        });
        HttpResponse { headers: headers.collect(), ..self.clone() }
    }
}

fn shown_headers(headers: &[(String, Whole)]) -> Vec<(String, Whole)> {
    headers.iter().map(|(name, value)| shown_header(name, value)).collect()
}

fn shown_header(name: &str, value: &Whole) -> (String, Whole) {
    (name.to_owned(), if is_secret(name) { HIDDEN.into() } else { value.clone() })
}

/// The URL without the values of its secret parameters.
pub fn shown_url(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={HIDDEN}"),
        _ => parameter.to_owned(),
    };
    let query: Vec<String> = query.split('&').map(parameter).collect();
    format!("{path}?{}", query.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_who_somebody_is_are_secret() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-api-key",
            "api_key",
            "apikey",
            "key",
            "x-auth-token",
            "access_token",
            "x-goog-api-key",
            "x-amz-security-token",
            "client-secret",
            "sig",
            "Ocp-Apim-Subscription-Key",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "content-type",
            "x-ratelimit-remaining-tokens",
            "keyboard",
            "www-authenticate",
            "etag",
            "q",
            "public-key-pins",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_hidden_in_headers_and_urls_and_the_rest_stays() {
        let headers =
            vec![("authorization".to_owned(), "Bearer xyz".into()), ("accept".to_owned(), "a".into())];
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: "https://a.com/p?q=1&api_key=xyz&b".to_owned(),
            headers,
            body: "body".into(),
            timeout_ms: None,
        };
        let shown = request.shown();
        assert_eq!(shown.url, "https://a.com/p?q=1&api_key=(hidden)&b");
        assert_eq!(shown.headers[0].1, HIDDEN.into());
        assert_eq!((&shown.headers[1], &shown.body), (&request.headers[1], &request.body));
        let location = |url: &str| HttpResponse {
            status: 302,
            headers: vec![("location".to_owned(), url.into()), ("set-cookie".to_owned(), "id=1".into())],
            body: Whole::default(),
        };
        let mut expected = location("/next?token=(hidden)");
        expected.headers[1].1 = HIDDEN.into();
        assert_eq!(location("/next?token=xyz").shown(), expected);
        assert_eq!(expected.shown(), expected, "what is hidden stays so");
    }
}
