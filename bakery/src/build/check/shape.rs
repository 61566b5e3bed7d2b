//! Whether a function has the same type in two sets of WIT: by structure, and resources by name. Names of parameters do not count, as they do not when a
//! component is linked.
//!
//! One side is always our own world, whose types are small and never recursive, so the walk ends soon whatever the other side is.

use wit_parser::{Function, Handle, Param, Resolve, Type, TypeDefKind, TypeId};

/// Whether two functions have the same type.
pub fn same_function(
    ours: &Resolve,
    our_function: &Function,
    theirs: &Resolve,
    their_function: &Function,
) -> bool {
    let pair = Pair { ours, theirs };
    let same_kind =
        std::mem::discriminant(&our_function.kind) == std::mem::discriminant(&their_function.kind);
    let parameter = |ours: &Param, theirs: &Param| pair.same(&ours.ty, &theirs.ty);
    same_kind
        && same_list(&our_function.params, &their_function.params, parameter)
        && pair.same_option(our_function.result.as_ref(), their_function.result.as_ref())
}

struct Pair<'a> {
    ours: &'a Resolve,
    theirs: &'a Resolve,
}

fn same_list<T>(ours: &[T], theirs: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
}

impl Pair<'_> {
    fn same_option(&self, ours: Option<&Type>, theirs: Option<&Type>) -> bool {
        match (ours, theirs) {
            (None, None) => true,
            (Some(ours), Some(theirs)) => self.same(ours, theirs),
            _ => false,
        }
    }

    fn same(&self, ours: &Type, theirs: &Type) -> bool {
        match (unaliased(self.ours, *ours), unaliased(self.theirs, *theirs)) {
            (Type::Id(ours), Type::Id(theirs)) => self.same_definition(ours, theirs),
            (ours, theirs) => ours == theirs,
        }
    }

    fn same_definition(&self, our_id: TypeId, their_id: TypeId) -> bool {
        use TypeDefKind as Kind;
        match (&self.ours.types[our_id].kind, &self.theirs.types[their_id].kind) {
            (Kind::Resource, Kind::Resource) => {
                self.ours.types[our_id].name == self.theirs.types[their_id].name
            }
            (Kind::Handle(Handle::Own(ours)), Kind::Handle(Handle::Own(theirs)))
            | (Kind::Handle(Handle::Borrow(ours)), Kind::Handle(Handle::Borrow(theirs))) => {
                self.same(&Type::Id(*ours), &Type::Id(*theirs))
            }
            (Kind::Record(ours), Kind::Record(theirs)) => {
                same_list(&ours.fields, &theirs.fields, |ours, theirs| {
                    ours.name == theirs.name && self.same(&ours.ty, &theirs.ty)
                })
            }
            (Kind::Variant(ours), Kind::Variant(theirs)) => {
                same_list(&ours.cases, &theirs.cases, |ours, theirs| {
                    ours.name == theirs.name && self.same_option(ours.ty.as_ref(), theirs.ty.as_ref())
                })
            }
            (Kind::Enum(ours), Kind::Enum(theirs)) => {
                same_list(&ours.cases, &theirs.cases, |ours, theirs| ours.name == theirs.name)
            }
            (Kind::Flags(ours), Kind::Flags(theirs)) => {
                same_list(&ours.flags, &theirs.flags, |ours, theirs| ours.name == theirs.name)
            }
            (Kind::Tuple(ours), Kind::Tuple(theirs)) => {
                same_list(&ours.types, &theirs.types, |ours, theirs| self.same(ours, theirs))
            }
            (Kind::Result(ours), Kind::Result(theirs)) => {
                self.same_option(ours.ok.as_ref(), theirs.ok.as_ref())
                    && self.same_option(ours.err.as_ref(), theirs.err.as_ref())
            }
            (Kind::Option(ours), Kind::Option(theirs)) | (Kind::List(ours), Kind::List(theirs)) => {
                self.same(ours, theirs)
            }
            (Kind::Future(ours), Kind::Future(theirs)) | (Kind::Stream(ours), Kind::Stream(theirs)) => {
                self.same_option(ours.as_ref(), theirs.as_ref())
            }
            // What is new in WIT is not in our world.
            _ => false,
        }
    }
}

/// The type behind all its aliases.
fn unaliased(resolve: &Resolve, mut ty: Type) -> Type {
    while let Type::Id(id) = ty {
        match resolve.types[id].kind {
            TypeDefKind::Type(aliased) => ty = aliased,
            _ => break,
        }
    }
    ty
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only function of an interface with these lines.
    fn function(lines: &str) -> (Resolve, Function) {
        let mut resolve = Resolve::default();
        resolve
            .push_source("a.wit", &format!("package a:b;\ninterface i {{ resource r; resource s; {lines} }}"))
            .unwrap();
        let (_, interface) = resolve.interfaces.iter().next().unwrap();
        let function = interface.functions.values().last().unwrap().clone();
        (resolve, function)
    }

    #[track_caller]
    fn check(ours: &str, theirs: &str, same: bool) {
        let ((our_resolve, ours), (their_resolve, theirs)) = (function(ours), function(theirs));
        assert_eq!(same_function(&our_resolve, &ours, &their_resolve, &theirs), same);
    }

    #[test]
    fn names_of_parameters_and_of_types_do_not_count() {
        check("f: func(a: u32) -> string;", "f: func(b: u32) -> string;", true);
        check("type t = list<u8>; f: func(a: t);", "f: func(a: list<u8>);", true);
        check("record p { x: u8 } f: func(a: p);", "record q { x: u8 } f: func(a: q);", true);
    }

    #[test]
    fn everything_that_matters_on_the_way_to_memory_counts() {
        check("f: func(a: u32);", "f: func(a: s32);", false);
        check("f: func(a: u32);", "f: func(a: u32, b: u32);", false);
        check("f: func() -> u32;", "f: func();", false);
        check("f: func();", "f: async func();", false);
        check("record p { x: u8 } f: func(a: p);", "record p { y: u8 } f: func(a: p);", false);
        check("variant v { a, b } f: func(a: v);", "variant v { b, a } f: func(a: v);", false);
        check("f: func() -> result<u8, string>;", "f: func() -> result<u8>;", false);
        check("f: func(a: tuple<u8, u16>);", "f: func(a: tuple<u8, u8>);", false);
        check("flags g { a } f: func(a: g);", "enum g { a } f: func(a: g);", false);
    }

    #[test]
    fn resources_are_told_apart_by_name_and_by_ownership() {
        check("f: func(a: r);", "f: func(a: r);", true);
        check("f: func(a: r);", "f: func(a: s);", false);
        check("f: func(a: r);", "f: func(a: borrow<r>);", false);
    }
}
