//! Annotations for GitHub Actions: commands on standard output that its runner shows beside the line of a case.

use super::Tested;
use crate::snapshot::store;

/// A line for each problem.
pub fn annotations(tested: &Tested) -> Vec<String> {
    let mut lines = Vec::new();
    for project in &tested.projects {
        for verdict in project.verdicts.iter().filter(|verdict| !verdict.passed()) {
            let file = project.file(&verdict.case.origin.file).display().to_string();
            for problem in &verdict.problems {
                lines.push(format!(
                    "::error file={},line={},title={}::{}",
                    property(&file),
                    verdict.case.origin.line,
                    property(&format!("bakery test {}", verdict.case.name)),
                    data(&format!(
                        "{}\nagain: {}",
                        problem.headline(),
                        tested.again(project, &verdict.case.name)
                    ))
                ));
            }
        }
        for file in project.obsolete.iter().filter(|_| project.strict && !project.removed) {
            let path = project.file(store::FOLDER).join(file).display().to_string();
            lines.push(format!(
                "::error file={},title=bakery test::no case asks for this snapshot",
                property(&path)
            ));
        }
    }
    lines
}

/// A message, in which a command of the runner's ends at a line feed.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property, which ends at a comma or colon too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
