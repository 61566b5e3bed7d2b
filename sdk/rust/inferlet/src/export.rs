//! The canonical ABI of `run: func(input: string) -> result<string, string>`.
//!
//! The name of the export holds the name of the user's package, so the exported functions themselves are made by the `main`
//! attribute in the user's crate. All they do is call the two functions here.
#![allow(unsafe_code, reason = "lifting and lowering values of the component model is done on raw memory")]

/// The result as the caller reads it: case at offset 0, pointer at 4, length at 8 (on a 32-bit target).
#[repr(C)]
pub struct ReturnArea {
    is_err: u8,
    text: *mut u8,
    length: usize,
}

/// Lifts the input, calls the program, lowers its result. The caller releases the result with [`release`].
///
/// # Safety
///
/// `input` and `length` are those of a UTF-8 text that the caller allocated with `cabi_realloc` and hands over.
pub unsafe fn run(
    input: *mut u8,
    length: usize,
    program: impl FnOnce(String) -> Result<String, String>,
) -> *mut ReturnArea {
    // The symbol must end up in the component for the host to call it.
    wit_bindgen::rt::maybe_link_cabi_realloc();
    // SAFETY: the canonical ABI passes a valid text of exactly this length and capacity, owned by the callee.
    let input = unsafe { String::from_raw_parts(input, length, length) };
    let result = program(input);
    let is_err = u8::from(result.is_err());
    let (Ok(text) | Err(text)) = result;
    let text = Box::leak(text.into_boxed_str());
    Box::into_raw(Box::new(ReturnArea { is_err, text: text.as_mut_ptr(), length: text.len() }))
}

/// Lifts the handles of `handle: func(request: incoming-request, response-out: response-outparam)` and calls the program.
///
/// # Safety
///
/// The two are handles that the caller of the export hands over.
#[cfg(not(test))]
pub unsafe fn handle<F>(request: u32, out: u32, program: impl FnOnce(crate::http::IncomingRequest) -> F)
where
    F: std::future::Future<Output = Result<crate::http::OutgoingResponse, String>>,
{
    use crate::pie_wasi::http::types::{IncomingRequest, ResponseOutparam};
    // SAFETY: the canonical ABI passes valid handles, owned by the callee.
    let (request, out) =
        unsafe { (IncomingRequest::from_handle(request), ResponseOutparam::from_handle(out)) };
    crate::http::wire::handle(request, out, program);
}

/// What the `http` attribute checks a program against where there is nothing to export to.
#[cfg(not(test))]
pub async fn run_handler<F>(
    request: crate::http::IncomingRequest,
    program: impl FnOnce(crate::http::IncomingRequest) -> F,
) -> Result<crate::http::OutgoingResponse, String>
where
    F: std::future::Future<Output = Result<crate::http::OutgoingResponse, String>>,
{
    program(request).await
}

/// Frees a result after the caller has copied it.
///
/// # Safety
///
/// `area` comes from [`run`] and was not released before.
pub unsafe fn release(area: *mut ReturnArea) {
    // SAFETY: both allocations were leaked as these very types by `run`.
    unsafe {
        let area = Box::from_raw(area);
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(area.text, area.length)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(input: &str, program: impl FnOnce(String) -> Result<String, String>) -> (u8, String) {
        let input = Box::leak(input.to_owned().into_boxed_str());
        // SAFETY: the text is handed over as the canonical ABI does it, and the result is released once.
        unsafe {
            let area = run(input.as_mut_ptr(), input.len(), program);
            let text = std::slice::from_raw_parts((*area).text, (*area).length).to_vec();
            let result = ((*area).is_err, String::from_utf8(text).unwrap());
            release(area);
            result
        }
    }

    #[test]
    fn a_result_goes_through_memory_unchanged() {
        assert_eq!(call("Ada", |name| Ok(format!("hello {name}"))), (0, "hello Ada".to_owned()));
        assert_eq!(call("x", |_| Err("no".to_owned())), (1, "no".to_owned()));
        assert_eq!(call("", Ok), (0, String::new()));
    }
}
