//! The custom section that tells the linker what a module exports, for the one world that an inferlet adds to the SDK's:
//!
//! ```wit
//! package pie:NAME;
//! interface run { run: func(input: string) -> result<string, string>; }
//! world inferlet { export run; }
//! ```
//!
//! Its content is a component that holds this as a type (the encoding of WIT packages in the component model's binary
//! format, with the section that `wit-component` marks it with). Only the name varies, so the encoder is made of literal
//! bytes and three lengths.

/// A component: magic number, version 13, layer 1.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// The section of `wit-component` that says: format 4, strings are UTF-8.
const ENCODING: &[u8] = b"\0\x19\x16wit-component-encoding\x04\0";

/// The interface: an instance type of three declarations. Type 0 is `result<string, string>`, type 1 a function from
/// `input: string` to type 0, and `run` is exported as a function of type 1.
const INTERFACE: &[u8] =
    b"\x01\x42\x03\x01\x6a\x01\x73\x01\x73\x01\x40\x01\x05input\x73\0\0\x04\0\x03run\x01\x01";

/// The export of the whole type under the name of the world.
const EXPORT: &[u8] = b"\x0b\x0e\x01\0\x08inferlet\x03\0\0";

/// The section's content for the export `pie:<name>/run`.
pub fn encode(name: &str) -> Vec<u8> {
    // A component type of two declarations, the interface and its export as an instance (sort 5) of type 0.
    let mut world = b"\x01\x41\x02".to_vec();
    world.extend_from_slice(INTERFACE);
    export(&mut world, &format!("pie:{name}/run"), 5);
    // Around it another one, which exports the world as a component (sort 4) of type 0.
    let mut package = b"\x01\x41\x02".to_vec();
    package.extend(world);
    export(&mut package, &format!("pie:{name}/inferlet"), 4);

    let mut bytes = [HEADER, ENCODING].concat();
    bytes.push(7); // the type section
    bytes.extend(length(package.len()));
    bytes.extend(package);
    bytes.extend_from_slice(EXPORT);
    bytes
}

/// Declares that the type of index 0 is exported as `name`.
fn export(bytes: &mut Vec<u8>, name: &str, sort: u8) {
    bytes.extend_from_slice(b"\x04\0");
    bytes.extend(length(name.len()));
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&[sort, 0]);
}

/// An unsigned number in LEB128.
fn length(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::kebab;
    use proptest::prelude::*;
    use wit_component::DecodedWasm;

    /// The world as WIT text, read with the library that the linker uses.
    fn decode(name: &str) -> String {
        let decoded = wit_component::decode(&encode(name)).expect("the section is a component");
        let DecodedWasm::WitPackage(resolve, package) = decoded else { panic!("it holds a package") };
        let mut printer = wit_component::WitPrinter::default();
        printer.print(&resolve, package, &[]).expect("it can be printed");
        printer.output.to_string()
    }

    #[test]
    fn the_linker_reads_the_export_back() {
        let text = decode("hello-rust");
        for part in [
            "package pie:hello-rust;",
            "interface run {\n  run: func(input: string) -> result<string, string>;\n}",
            "world inferlet {\n  export run;\n}",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
    }

    #[test]
    fn the_linker_takes_it_for_a_description_of_a_module() {
        let module = {
            let mut module = b"\0asm\x01\0\0\0".to_vec();
            let section = [&[14][..], b"component-type", &encode("x")].concat();
            module.push(0);
            module.extend(length(section.len()));
            module.extend(section);
            module
        };
        let (_, bindgen) = wit_component::metadata::decode(&module).expect("the metadata is accepted");
        let world = &bindgen.resolve.worlds[bindgen.world];
        assert_eq!(world.exports.len(), 1);
    }

    #[test]
    fn lengths_of_more_than_a_byte_are_encoded() {
        assert_eq!(length(127), [0x7f]);
        assert_eq!(length(128), [0x80, 1]);
        assert_eq!(length(300), [0xac, 2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_package_name_gives_a_readable_section(package in "[A-Za-z0-9_-]{1,200}") {
            let name = kebab(&package);
            let text = decode(&name);
            prop_assert!(text.contains("export run;"), "{text}");
        }
    }
}
