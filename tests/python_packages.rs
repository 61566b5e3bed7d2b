//! Packages that programs in Python depend on.

use std::path::Path;

use crate::support::folder::{self, text};
use crate::support::python;

/// A folder with a program.
type Folder = folder::Folder<python::Python>;

#[test]
fn what_a_project_depends_on_is_locked_and_bundled() {
    let folder = Folder::new(&[
        (
            "pyproject.toml",
            "[project]\nname = \"user\"\nversion = \"0.1.0\"\ndependencies = [\"iniconfig\"]\n",
        ),
        (
            "main.py",
            "import iniconfig\nfrom importlib.metadata import version\n\
             async def main(): return [iniconfig.IniConfig('x', '[a]\\nb=1')['a']['b'], version('iniconfig')]\n",
        ),
    ]);
    let refused = folder.bakery_with_tools(&["build", ".", "--locked"]);
    assert!(text(&refused.stderr).contains("bakery.lock"), "{}", text(&refused.stderr));
    let output = folder.bakery_with_tools(&["run", "."]);
    let (value, version): (String, String) =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let lock = std::fs::read_to_string(folder.path("bakery.lock")).unwrap();
    assert_eq!(value, "1");
    assert!(lock.contains(&format!("iniconfig=={version} ")) && lock.contains("--hash=sha256:"), "{lock}");
    assert!(!lock.contains(&*Path::new(folder.root()).to_string_lossy()), "{lock}");
}

#[test]
fn a_component_carries_its_lock_and_shows_sources_in_tracebacks_only_if_it_was_built_for_debugging() {
    let project = "[project]\nname = \"user\"\nversion = \"0.1.0\"\ndependencies = [\"iniconfig\"]\n";
    let source =
        "import iniconfig\nasync def main():\n    return iniconfig.IniConfig('x', '[a]\\nb=1')['c']\n";
    let folder = Folder::new(&[("pyproject.toml", project), ("main.py", source)]);
    for (options, profile, shows) in [(&[][..], "release", false), (&["--debug"][..], "dev", true)] {
        let built = folder.bakery_with_tools(&[&["build", ".", "-o", "user.wasm"], options].concat());
        assert!(built.status.success(), "{}", text(&built.stderr));
        let wasm = std::fs::read(folder.path("user.wasm")).unwrap();
        let section = |name| text(bakery::build::sections::find(&wasm, name).unwrap());
        assert!(section(bakery::build::sections::LOCK).contains("iniconfig=="));
        let provenance = section(bakery::build::sections::PROVENANCE);
        let provenance: serde_json::Value = serde_json::from_str(&provenance).unwrap();
        assert_eq!((&provenance["profile"], &provenance["language"]), (&profile.into(), &"python".into()));
        assert!(provenance["sdk"].as_str().is_some_and(|digest| digest.len() == 64), "{provenance}");
        let stderr = text(&folder.bakery(&["run", "user.wasm"]).stderr);
        assert!(stderr.contains("File \"main.py\", line 3, in main"), "{stderr}");
        assert_eq!(stderr.contains("return iniconfig.IniConfig"), shows, "{profile}: {stderr}");
    }
}

#[test]
fn a_package_with_compiled_code_is_refused_by_name() {
    let folder = Folder::new(&[
        ("pyproject.toml", "[project]\nname = \"user\"\nversion = \"0.1.0\"\ndependencies = [\"numpy\"]\n"),
        ("main.py", "async def main(): pass\n"),
    ]);
    let output = folder.bakery_with_tools(&["run", "."]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for part in ["`numpy` cannot be part of an inferlet", "statistics"] {
        assert!(stderr.contains(part), "`{part}` is not in\n{stderr}");
    }
}

/// A project that takes and returns a model of pydantic.
fn orders(pydantic: &str) -> Folder {
    let project =
        format!("[project]\nname = \"orders\"\nversion = \"0.1.0\"\ndependencies = [\"{pydantic}\"]\n");
    let source = "from datetime import date\nfrom decimal import Decimal\nfrom pydantic import BaseModel, Field\n\n\
                  class Line(BaseModel):\n    name: str\n    count: int = Field(1, ge=1)\n    price: Decimal = Decimal('2.50')\n\n\
                  class Order(BaseModel):\n    lines: list[Line]\n    due: date\n    note: str | None = None\n\n\
                  async def main(order: Order) -> Order:\n    order.lines.append(Line(name='rye'))\n    return order\n";
    Folder::new(&[("pyproject.toml", &project), ("main.py", source)])
}

#[test]
fn a_model_of_pydantic_that_is_pure_python_is_an_input_and_a_result() {
    let folder = orders("pydantic<2");
    let build = folder.bakery_with_tools(&["build", ".", "-o", "orders.wasm"]);
    assert!(build.status.success(), "{}", text(&build.stderr));
    let input = r#"{"lines":[{"name":"oat","count":2}],"due":"2026-12-01"}"#;
    let expected = r#"{"lines":[{"name":"oat","count":2,"price":2.5},{"name":"rye","count":1,"price":2.5}],"due":"2026-12-01","note":null}"#;
    for program in [".", "orders.wasm"] {
        let output = folder.bakery_with_tools(&["run", program, "--input", input]);
        assert_eq!(text(&output.stdout).trim_end(), expected, "{}", text(&output.stderr));
    }
    let refused =
        folder.bakery(&["run", "orders.wasm", "--input", &input.replace("\"count\":2", "\"count\":0")]);
    let stderr = text(&refused.stderr);
    assert!(stderr.contains("`main.py`, line 15): not a `Order`: lines -> 0 -> count"), "{stderr}");
}

#[test]
fn a_pydantic_with_a_compiled_core_is_refused_with_the_one_that_has_none() {
    let folder = orders("pydantic>=2");
    let output = folder.bakery_with_tools(&["build", "."]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for part in [
        "error: `pydantic` cannot be part of an inferlet\n",
        "cause: it needs `pydantic-core`, of which there is no wheel that is pure Python\n",
        "hint: pydantic 1 is pure Python: `pydantic<2`\n",
    ] {
        assert!(stderr.contains(part), "`{part}` is not in\n{stderr}");
    }
}
