// What a component in JavaScript has around a program: the linker of its modules, the way back from places in the bundle to places in its sources, and `run`.
// `begin.rs` writes the imports of the interface above it, and the SDK and the program below.

/** The helpers that oxc's transformations call. */
globalThis.babelHelpers = {
    usingCtx() {
        const errors = typeof SuppressedError === "function" ? SuppressedError : function (error, suppressed) {
            const both = new Error("an error came up while another was being dealt with");
            return Object.assign(both, { name: "SuppressedError", error, suppressed });
        };
        const nothing = {};
        const stack = [];
        function using(isAsync, value) {
            if (value === null || value === undefined) {
                if (isAsync) stack.push({ value, isAsync });
                return value;
            }
            if (Object(value) !== value) throw new TypeError("only objects can be used with `using`");
            let dispose = isAsync ? value[Symbol.asyncDispose] : undefined;
            let isSync = false;
            if (dispose === undefined) {
                dispose = value[Symbol.dispose];
                isSync = isAsync;
            }
            if (typeof dispose !== "function") throw new TypeError("what `using` is given has no `Symbol.dispose`");
            // A synchronous method in an asynchronous place: what it throws is a rejection, what it returns is not waited for.
            const method = dispose;
            const call = isSync
                ? function () {
                      try {
                          method.call(value);
                      } catch (error) {
                          return Promise.reject(error);
                      }
                  }
                : method;
            stack.push({ value, dispose: call, isAsync });
            return value;
        }
        return {
            e: nothing,
            u: (value) => using(false, value),
            a: (value) => using(true, value),
            d() {
                let error = this.e;
                let state = 0;
                const failed = (next) => {
                    error = error === nothing ? next : new errors(next, error);
                    return dispose();
                };
                const dispose = () => {
                    for (let entry; (entry = stack.pop()); ) {
                        try {
                            if (!entry.isAsync && state === 1) {
                                state = 0;
                                stack.push(entry);
                                return Promise.resolve().then(dispose);
                            }
                            if (entry.dispose) {
                                const result = entry.dispose.call(entry.value);
                                if (entry.isAsync) {
                                    state |= 2;
                                    return Promise.resolve(result).then(dispose, failed);
                                }
                            } else {
                                state |= 1;
                            }
                        } catch (next) {
                            error = error === nothing ? next : new errors(next, error);
                        }
                    }
                    if (state === 1) return error === nothing ? Promise.resolve() : Promise.reject(error);
                    if (error !== nothing) throw error;
                };
                return dispose();
            },
        };
    },
};
for (const name of ["dispose", "asyncDispose"]) {
    if (!Symbol[name]) Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) });
}

/** What has this name in an object of modules. */
function known(modules, name) {
    if (!Object.hasOwn(modules, name)) throw new SyntaxError(`there is no module \`${name}\``);
    return modules[name];
}

const SYNC = 0;
const COMMON = 2;

/**
 * Links the modules of a bundle: each is `[name, form, imports, links, body]`, the entry is the first. `outside` gives the namespaces of what is not in it,
 * `marks` is where its modules note where they are.
 */
function link(table, outside, marks) {
    const modules = table.map(([name, form, imports, links, body]) => {
        const space = form === COMMON ? undefined : Object.create(null, { [Symbol.toStringTag]: { value: "Module" } });
        return { name, form, imports, links, body, space, started: false, done: false, failed: false, error: undefined, pending: undefined };
    });
    const resolved = (module, specifier) => {
        const target = Object.hasOwn(module.links, specifier) ? module.links[specifier] : undefined;
        if (target === undefined) throw new TypeError(`\`${specifier}\` is no module of this program: what it imports has to be known when it is built`);
        return target;
    };
    const failure = (module, error) => {
        module.failed = true;
        module.error = error;
        throw error;
    };
    /** Runs a module, unless that was done. A promise if it takes time. */
    const start = (module) => {
        if (module.failed) throw module.error;
        if (module.started) return module.pending;
        module.started = true;
        try {
            const result = module.form === COMMON ? common(module) : modern(module);
            if (module.form === SYNC || module.form === COMMON) {
                module.done = true;
                return undefined;
            }
            module.pending = result.then(
                () => {
                    module.done = true;
                    module.pending = undefined;
                },
                (error) => failure(module, error),
            );
            return module.pending;
        } catch (error) {
            return failure(module, error);
        }
    };
    const modern = (module) => {
        const space = module.space;
        const get = (specifier, wanted) => {
            const target = resolved(module, specifier);
            const from = typeof target === "number" ? modules[target] : undefined;
            const namespace = from ? from.space : outside(target);
            if (wanted && (!from || from.done)) {
                for (const name of wanted.importedNames) {
                    if (!(name in namespace)) throw new SyntaxError(`\`${specifier}\` exports no \`${name}\``);
                }
            }
            return namespace;
        };
        const all = (from) => {
            for (const name of Object.keys(from)) {
                if (name === "default" || name in space) continue;
                Object.defineProperty(space, name, { enumerable: true, configurable: true, get: () => from[name] });
            }
        };
        const later = (specifier) => new Promise((resolve) => resolve(begin(resolved(module, String(specifier)))));
        return module.body(get, space, all, later, { url: `inferlet:///${module.name}` }, marks);
    };
    const common = (module) => {
        const own = { exports: {}, id: module.name, loaded: false };
        module.space = interop(own.exports);
        module.own = own;
        const require = (specifier) => {
            const target = resolved(module, specifier);
            if (typeof target !== "number") return outside(target);
            const wanted = modules[target];
            if (wanted.form !== COMMON && !wanted.done) {
                for (const each of order(target)) {
                    if (start(each)) throw new Error(`\`${specifier}\` cannot be required: it awaits something at its top level`);
                }
            } else {
                start(wanted);
            }
            return wanted.form === COMMON ? wanted.own.exports : wanted.space;
        };
        module.body.call(own.exports, own, own.exports, require);
        own.loaded = true;
        module.space = interop(own.exports);
    };
    const orders = new Map();
    /** The modules that one needs and itself, in the order in which they run. */
    const order = (id) => {
        const known = orders.get(id);
        if (known) return known;
        const list = [];
        const seen = new Set();
        const visit = (each) => {
            if (seen.has(each)) return;
            seen.add(each);
            modules[each].imports.forEach(visit);
            list.push(modules[each]);
        };
        visit(id);
        orders.set(id, list);
        return list;
    };
    /** The namespace of a module once it has run; a promise of it if that takes time. */
    const begin = (target) => {
        if (typeof target !== "number") return outside(target);
        const list = order(target);
        let next = 0;
        const step = () => {
            while (next < list.length) {
                const pending = start(list[next++]);
                if (pending) return pending.then(step);
            }
            return modules[target].space;
        };
        return step();
    };
    /** Makes values of all exports, which are read faster than by a call each: for modules that have run and whose exports are never written again. */
    const settle = () => {
        for (const { space } of modules) {
            for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(space))) {
                if (get) Object.defineProperty(space, name, { value: get(), enumerable: true });
            }
        }
    };
    return { begin, settle };
}

/** A CommonJS module as other modules see it. */
function interop(exports) {
    const space = Object.create(null, { [Symbol.toStringTag]: { value: "Module" } });
    if ((typeof exports === "object" && exports !== null) || typeof exports === "function") {
        for (const name of Object.keys(exports)) {
            if (name !== "default") Object.defineProperty(space, name, { enumerable: true, get: () => exports[name] });
        }
    }
    const isModule = exports && exports.__esModule && "default" in exports;
    Object.defineProperty(space, "default", { enumerable: true, get: () => (isModule ? exports.default : exports) });
    return space;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * The way from a place in the bundle to one in a source (<https://tc39.es/ecma426/>). The map is read when the first error asks for it.
 */
function locator(map) {
    let lines;
    const read = () => {
        const all = [];
        let [source, line, column] = [0, 0, 0];
        for (const text of map.mappings.split(";")) {
            const segments = [];
            let generated = 0;
            for (const segment of text ? text.split(",") : []) {
                const numbers = [];
                let [value, shift] = [0, 0];
                for (const char of segment) {
                    const digit = DIGITS.indexOf(char);
                    value += (digit & 31) << shift;
                    shift += 5;
                    if (!(digit & 32)) {
                        numbers.push(value & 1 ? -(value >> 1) : value >> 1);
                        [value, shift] = [0, 0];
                    }
                }
                generated += numbers[0];
                if (numbers.length > 3) {
                    source += numbers[1];
                    line += numbers[2];
                    column += numbers[3];
                    segments.push([generated, source, line, column]);
                }
            }
            all.push(segments);
        }
        return all;
    };
    return (line, column) => {
        lines ??= read();
        const segments = lines[line - 1];
        if (!segments?.length) return undefined;
        let found = segments[0];
        for (const segment of segments) {
            if (segment[0] > column - 1) break;
            found = segment;
        }
        const [, source, at, from] = found;
        const text = map.sourcesContent?.[source]?.split("\n")[at];
        return { source: map.sources[source], line: at + 1, column: from + 1, text };
    };
}

/** Scripts are evaluated here and nowhere else: SpiderMonkey names them by the line that does it. */
const evaluated = (script) => (0, eval)(script);

/** The modules of a bundle. What is newer than this engine is no mistake of the parser's that has read the sources before. */
function compiled({ script, map }, locate) {
    try {
        return evaluated(script);
    } catch (error) {
        const at = /:(\d+):(\d+)/.exec(String(error.stack));
        const place = at ? locate(Number(at[1]), Number(at[2])) : undefined;
        const where = place ? `\`${place.source}\`, line ${place.line}` : `\`${map.sources[0]}\``;
        throw new SyntaxError(`${where}: ${inferletEngine} cannot read this: ${error.message}`);
    }
}

/**
 * Where a program notes the line that it is in, and the one in which `main` has returned, behind four numbers that who looks for them in the memory of an instance knows
 * (`pie-engine/src/host/marks.rs`). Both engines write a property faster than an element of a typed array.
 */
const inferletMarks = { a: 0x6e492f9a, b: 0x66d1a3c8, c: 0x1e7c05b4, d: 0x12b38f57, at: 0, returned: 0, waits: 0 };
/**
 * What a program is about to wait for, and the line where it does: that is noted unless what it has called is the last that has begun to wait, which is where the program then is.
 */
Object.defineProperty(globalThis, "__inferlet_awaited", {
    value(value, line) {
        if (inferletMarks.at !== inferletMarks.waits) inferletMarks.at = inferletMarks.waits = line;
        return value;
    },
});
const NAMES = [0x2f9a6e49, 0x23c866d1, 0x05b41e7c, 0x0f5712b3];
const LINE_BITS = 20;

/** Puts the names of a program's modules where they are found, with their length. */
function named(names) {
    const text = unescape(encodeURIComponent(names.join("\n")));
    // Not a small one: SpiderMonkey moves what is in those.
    const buffer = new ArrayBuffer(Math.max(20 + text.length, 1024));
    const words = new Uint32Array(buffer, 0, 5);
    words.set(NAMES);
    words[4] = text.length;
    const bytes = new Uint8Array(buffer, 20, text.length);
    for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
    return buffer;
}

/** A bundle as the SDK runs it. Its script is compiled here and runs when it is loaded. */
function program(bundle) {
    const locate = locator(bundle.map);
    const names = named(bundle.map.sources);
    const place = (mark) => (mark ? { source: bundle.map.sources[mark >>> LINE_BITS], line: mark & ((1 << LINE_BITS) - 1), column: 1 } : undefined);
    const { begin } = link(compiled(bundle, locate), inferletOutside, inferletMarks);
    return {
        names,
        at: () => place(inferletMarks.at),
        returned: () => place(inferletMarks.returned),
        script: inferletScriptName,
        load: async () => await begin(0),
        locate,
    };
}

/** Throws an error: where its frames are is what frames of a bundle are called. */
const inferletScriptName = evaluated("(() => { try { null.x } catch (error) { return (/^.*?@(.*):\\d+:\\d+$/m.exec(error.stack) ?? /\\(?([^\\s()]+?):\\d+/.exec(error.stack))?.[1] ?? '' } })()");

/** Text of bytes that are ASCII. */
function ascii(parts) {
    let text = "";
    for (const part of parts) {
        for (let at = 0; at < part.length; at += 8192) text += String.fromCharCode.apply(null, part.subarray(at, at + 8192));
    }
    return text;
}

/** The bundle that comes in by standard input, as JSON in ASCII. */
function received() {
    const input = inferletStdin.getStdin();
    const parts = [];
    for (;;) {
        try {
            parts.push(Uint8Array.from(input.blockingRead(1 << 20)));
        } catch {
            break;
        }
    }
    input[Symbol.dispose]?.();
    return JSON.parse(ascii(parts));
}
