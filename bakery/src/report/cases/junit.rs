//! What came of a test in JUnit's format, which every CI service reads.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Tested, TestedProject};
use crate::snapshot::coverage::{Coverage, Functions, GrammarStates};
use crate::snapshot::diff::Changed;
use crate::snapshot::verdict::{Problem, Verdict};

/// The report as XML.
///
/// # Errors
/// It cannot be written as XML.
pub fn report(tested: &Tested) -> Result<String, String> {
    let mut report = Report::new("bakery test");
    if !tested.elapsed.is_zero() {
        report.set_time(tested.elapsed);
    }
    report.add_test_suites(tested.projects.iter().map(|project| suite(tested, project)));
    report.to_string().map_err(|cause| cause.to_string())
}

fn suite(tested: &Tested, project: &TestedProject) -> TestSuite {
    let mut suite = TestSuite::new(project.name.clone());
    let mut all = Coverage::default();
    project.verdicts.iter().for_each(|verdict| all.add(&verdict.coverage));
    all.name_what_was_not_called();
    suite.properties.extend(made_use_of(&all).into_iter().map(|(name, value)| Property::new(name, value)));
    suite.add_test_cases(project.verdicts.iter().map(|verdict| case(tested, project, verdict)));
    if project.strict && !project.removed {
        for file in &project.obsolete {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("obsolete").set_message("no case asks for this snapshot");
            suite.add_test_case(TestCase::new(file.clone(), status));
        }
    }
    suite
}

fn case(tested: &Tested, project: &TestedProject, verdict: &Verdict) -> TestCase {
    let status = match verdict.problems.split_first() {
        None => TestCaseStatus::success(),
        Some((first, _)) => {
            let kind = match first {
                Problem::Unrunnable(_) | Problem::Broken { .. } => NonSuccessKind::Error,
                _ => NonSuccessKind::Failure,
            };
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(first.kind()).set_message(first.headline());
            let mut all: Vec<String> = verdict.problems.iter().map(described).collect();
            all.push(format!("again: {}", tested.again(project, &verdict.case.name)));
            status.set_description(all.join("\n"));
            status
        }
    };
    let mut case = TestCase::new(verdict.case.name.clone(), status);
    case.set_classname(project.name.clone());
    if !verdict.elapsed.is_zero() {
        case.set_time(verdict.elapsed);
    }
    case.extra.insert("file".into(), project.file(&verdict.case.origin.file).display().to_string().into());
    case.extra.insert("line".into(), verdict.case.origin.line.to_string().into());
    for (name, value) in properties(verdict) {
        case.add_property(Property::new(name, value));
    }
    case
}

/// What a case did, in numbers.
fn properties(verdict: &Verdict) -> Vec<(String, String)> {
    let mut properties = vec![
        ("passes".to_owned(), verdict.passes.to_string()),
        ("sampled-tokens".to_owned(), verdict.sampled_tokens.to_string()),
    ];
    if let Some(margin) = verdict.least_margin {
        properties.push(("least-margin".to_owned(), margin.to_string()));
    }
    properties.extend(made_use_of(&verdict.coverage));
    properties
}

/// What was made use of, by a case or by all of a project.
fn made_use_of(coverage: &Coverage) -> Vec<(String, String)> {
    let mut properties = vec![
        ("input-tokens".to_owned(), coverage.input_tokens.to_string()),
        ("reused-tokens".to_owned(), coverage.reused_tokens.to_string()),
    ];
    let groups = [
        ("call", &coverage.calls),
        ("ending", &coverage.endings),
        ("grammar", &coverage.grammars),
        ("pages", &coverage.pages),
    ];
    for (group, counts) in groups {
        properties.extend(counts.iter().map(|(name, count)| (format!("{group}:{name}"), count.to_string())));
    }
    if let Some(Functions { imported, called, not_called, .. }) = &coverage.functions {
        properties.push(("functions-imported".to_owned(), imported.to_string()));
        properties.push(("functions-called".to_owned(), called.to_string()));
        properties.extend(not_called.iter().map(|name| (format!("not-called:{name}"), "0".to_owned())));
    }
    for (name, GrammarStates { visited, of, .. }) in &coverage.grammar_states {
        properties.push((format!("grammar-states:{name}"), format!("{visited} of {of}")));
    }
    properties
}

fn described(problem: &Problem) -> String {
    let lines = problem.difference().map(|difference| difference.lines.as_slice()).unwrap_or_default();
    let lines = lines.iter().map(|line| match line {
        Changed::Same(text) => format!("\n     {text}"),
        Changed::Gone(text) => format!("\n    -{text}"),
        Changed::New(text) => format!("\n    +{text}"),
        Changed::Gap(count) => format!("\n    … {count}"),
    });
    format!("{}{}", problem.headline(), lines.collect::<String>())
}
