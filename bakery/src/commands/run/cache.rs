//! Where compiled code is kept between runs.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// The folder for compiled code, made if needed. None where there is no place for it that only the user can write to: then code is compiled
/// anew, because running machine code that somebody else could have put there is out of the question.
pub(in crate::commands) fn folder(env: &Environment) -> Option<PathBuf> {
    let folder = env.cache_dir().ok()?.join("code");
    create_private(&folder).ok()?;
    is_private(&folder).then_some(folder)
}

#[cfg(unix)]
fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    // A new file belongs to whoever runs us, and so must the folder.
    let owner = tempfile::tempfile_in(folder).and_then(|file| Ok(file.metadata()?.uid()));
    let open_to_others = 0o022;
    folder.metadata().is_ok_and(|metadata| {
        metadata.mode() & open_to_others == 0 && owner.is_ok_and(|owner| owner == metadata.uid())
    })
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn is_private(_folder: &Path) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_others_can_write_to_is_not_used() {
        let cache = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", cache.path().as_os_str())], "/");
        let code = cache.path().join("code");
        assert_eq!(folder(&env), Some(code.clone()));
        std::fs::set_permissions(&code, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(folder(&env), None);
    }

    #[test]
    fn without_a_home_code_is_not_kept() {
        assert_eq!(folder(&Environment::empty("/")), None);
    }
}
