/// Why an operation on the scratch folder failed. The kinds are those of POSIX, as far as a file system in memory can meet them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScratchError {
    /// `EBADF`: the descriptor was not opened for this.
    #[error("bad descriptor")]
    BadDescriptor,
    /// `EBUSY`: the directory is in use as a place, for example as `.` of the path.
    #[error("resource busy")]
    Busy,
    /// `EEXIST`.
    #[error("file exists")]
    Exist,
    /// `EFBIG`: past the largest offset that can be told.
    #[error("file too large")]
    FileTooLarge,
    /// `ENOSPC`: over [`ScratchLimits`](super::ScratchLimits).
    #[error("no space left in the scratch folder")]
    InsufficientSpace,
    /// `EINVAL`.
    #[error("invalid argument")]
    Invalid,
    /// `EISDIR`.
    #[error("is a directory")]
    IsDirectory,
    /// `ELOOP`: too many symbolic links, or one where none may be followed.
    #[error("too many levels of symbolic links")]
    Loop,
    /// `ENAMETOOLONG`.
    #[error("file name too long")]
    NameTooLong,
    /// `ENOENT`.
    #[error("no such file or directory")]
    NoEntry,
    /// `ENOTDIR`.
    #[error("not a directory")]
    NotDirectory,
    /// `ENOTEMPTY`.
    #[error("directory not empty")]
    NotEmpty,
    /// `EPERM`: the path leaves the folder it is relative to, or a hard link to a directory.
    #[error("operation not permitted")]
    NotPermitted,
}

/// The result of an operation on the scratch folder.
pub type Result<T> = std::result::Result<T, ScratchError>;
