//! What `#[inferlet::tool]` makes of a function, as its user and the model see it.

use inferlet::schemars::JsonSchema;
use inferlet::tools::{Tool, Tools};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[derive(Deserialize, JsonSchema, Clone, Copy)]
#[schemars(crate = "inferlet::schemars")]
#[serde(rename_all = "lowercase")]
enum Unit {
    Celsius,
    Fahrenheit,
}

#[derive(Serialize)]
struct Weather {
    city: String,
    degrees: f64,
}

/// Current weather in a city.
///
/// Takes no time.
#[inferlet::tool]
async fn weather(
    /// Name of the city.
    city: String,
    /// What to measure in.
    unit: Option<Unit>,
) -> inferlet::Result<Weather> {
    if city.is_empty() {
        return Err("a city has a name".to_owned());
    }
    let degrees = match unit.unwrap_or(Unit::Celsius) {
        Unit::Celsius => 20.0,
        Unit::Fahrenheit => 68.0,
    };
    Ok(Weather { city, degrees })
}

/// Rolls the same number each time.
#[inferlet::tool]
fn roll() -> u32 {
    4
}

/// The tools here never wait.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the tool waits"),
    }
}

#[test]
fn the_schema_tells_the_model_all_that_the_function_says() {
    let schema: Value = serde_json::from_str(&weather.schema()).unwrap();
    assert_eq!(schema["name"], "weather");
    assert_eq!(schema["description"], "Current weather in a city.\n\nTakes no time.");
    let parameters = &schema["parameters"];
    assert_eq!(parameters["type"], "object");
    assert_eq!(parameters["required"], json!(["city"]), "an `Option` may be left out");
    assert_eq!(
        parameters["properties"]["city"],
        json!({ "description": "Name of the city.", "type": "string" })
    );
    let text = parameters.to_string();
    assert!(text.contains("celsius") && text.contains("fahrenheit"), "{text}");
    assert!(!text.contains("$ref") && !text.contains("$schema") && !text.contains("title"), "{text}");
}

#[test]
fn a_call_reads_json_and_returns_json() {
    let result = now(weather.call(r#"{"city": "Oslo", "unit": "fahrenheit"}"#)).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&result).unwrap(), json!({ "city": "Oslo", "degrees": 68.0 }));
    assert_eq!(now(roll.call("{}")), Ok("4".to_owned()));
    assert_eq!(now(roll.call("")), Ok("4".to_owned()), "models leave empty arguments out");
}

#[test]
fn arguments_that_do_not_fit_are_an_error_for_the_model() {
    let error = |arguments: &str| now(weather.call(arguments)).unwrap_err();
    assert!(error("{}").contains("arguments of `weather`") && error("{}").contains("missing field `city`"));
    let unknown = error(r#"{"city": "Oslo", "day": 1}"#);
    assert!(unknown.contains("unknown field `day`, expected `city` or `unit`"), "{unknown}");
    let wrong = error(r#"{"city": "Oslo", "unit": "kelvin"}"#);
    assert!(wrong.contains("`unit`") && wrong.contains("expected `celsius` or `fahrenheit`"), "{wrong}");
    assert!(error("[1").contains("arguments of `weather`"));
    assert_eq!(error(r#"{"city": ""}"#), "a city has a name");
}

#[test]
fn a_set_calls_its_tools_by_name() {
    let tools = Tools::new().with(weather).with(roll).with(roll);
    assert_eq!(tools.names(), ["weather", "roll"]);
    assert_eq!(tools.schemas(), [weather.schema(), roll.schema()]);
    assert_eq!(now(tools.call("roll", "{}")), Ok("4".to_owned()));
    assert_eq!(now(tools.call("dance", "{}")).unwrap_err(), "no tool `dance`; there are `weather`, `roll`");
}

#[test]
fn the_function_itself_can_still_be_called() {
    assert_eq!(roll::invoke(), 4);
    assert_eq!(now(weather::invoke("Rome".to_owned(), None)).unwrap().degrees, 20.0);
    assert_eq!(Tool::name(&weather), "weather");
}
