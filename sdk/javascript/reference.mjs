// Makes the book's API reference of the doc comments in `src`. `node reference.mjs FILE` writes it, `--check FILE` says whether it is up to date, and
// `--examples FOLDER` writes the examples of the comments as programs, which the tests run.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const home = dirname(fileURLToPath(import.meta.url));
const config = ts.readConfigFile(join(home, 'tsconfig.json'), ts.sys.readFile).config;
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, home);

/** What is shown, in this order; the rest of what is exported comes behind. */
const FIRST = ['Model', 'Tokenizer', 'Context', 'GenerateOptions', 'Generator', 'GenStep', 'Forward', 'Output', 'Sampler'];
/** Modules that programs import by another name, with what they are for. */
const ENTRIES = [
  ['index.ts', 'inferlet'],
  ['fs.ts', 'node:fs/promises'],
];

const program = ts.createProgram(ENTRIES.map(([file]) => join(home, 'src', file)), options);
const checker = program.getTypeChecker();
const examples = [];
/** What nothing is said about, and what something was. */
const silent = [];
const explained = new Set();

function exportsOf(file) {
  const source = program.getSourceFile(join(home, 'src', file));
  return { source, symbols: checker.getExportsOfModule(checker.getSymbolAtLocation(source)) };
}

function resolved(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function isInternal(node) {
  return ts.getJSDocTags(node).some((tag) => tag.tagName.text === 'internal');
}

function isPrivate(node) {
  return (
    (node.name !== undefined && ts.isPrivateIdentifier(node.name)) ||
    (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Private) !== 0
  );
}

/** The text of a comment or of a tag in it, as Markdown. */
function markdown(comment) {
  return (ts.getTextOfJSDocComment(comment) ?? '').replace(/\{@link (\w[\w.]*)\}/g, '`$1`').trim();
}

/** What a comment says of errors. The compiler takes a link at the beginning of such a tag for a type, so it is read from the text. */
function errors(comment) {
  const found = comment.getText().matchAll(/@throws\s+([^]*?)(?=\n\s*\*\s*(?:@|\n)|\s*\*\/)/g);
  return Array.from(found, ([, text]) => `Throws ${text.replace(/\n\s*\*\s*/g, ' ').replace(/\{@link (\w[\w.]*)\}/g, '`$1`')}`);
}

/** Everything that is said about a declaration. */
function doc(node, name) {
  const parts = [];
  for (const comment of ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)) {
    if (isModuleDoc(comment)) continue;
    parts.push(markdown(comment.comment), ...errors(comment));
    for (const tag of comment.tags ?? []) {
      if (tag.tagName.text === 'example') {
        const code = markdown(tag.comment);
        examples.push({ name, code });
        parts.push(`\`\`\`ts\n${code}\n\`\`\``);
      }
    }
  }
  const text = parts.filter(Boolean).join('\n\n');
  // Of several forms of one function the first is explained.
  if (text === '' && !explained.has(name)) silent.push(name);
  explained.add(name);
  return text;
}

function isModuleDoc(comment) {
  return (comment.tags ?? []).some((tag) => tag.tagName.text === 'module');
}

/** The comment at the head of a file. */
function moduleDoc(source, name) {
  const [first] = source.statements;
  const found = ts.getJSDocCommentsAndTags(first).filter(ts.isJSDoc).find(isModuleDoc);
  const text = found === undefined ? '' : markdown(found.comment);
  for (const [, code] of text.matchAll(/```ts\n([^]*?)```/g)) examples.push({ name, code: code.trimEnd() });
  return text;
}

/** A declaration in one line, without what it does. */
function signature(node) {
  const source = node.getSourceFile();
  const end = node.body?.getFullStart() ?? node.initializer?.getFullStart() ?? node.getEnd();
  const text = source.text.slice(node.getStart(source), end);
  return text
    .replace(/\/\*\*[^]*?\*\//g, '')
    .replace(/^export (default )?|^(async )|\b(readonly|override|async|declare|public) /g, '')
    .replace(/^export |^async /, '')
    .replace(/^function /, '')
    .replace(/^get (\w+)\(\)/, '$1')
    .replace(/\s*=\s*$|;$/, '')
    .replace(/,\s*\)/g, ')')
    .replace(/\(\s+/g, '(')
    .replace(/\s+/g, ' ')
    .trim();
}

function indented(text, by) {
  return text.split('\n').map((line) => (line === '' ? line : by + line)).join('\n');
}

function entry(node, name, text = signature(node)) {
  const said = doc(node, name);
  return `- \`${text}\`${said === '' ? '' : `\n\n${indented(said, '  ')}`}`;
}

/** Members of a class or an interface that are for programs. */
function members(node, owner) {
  return node.members
    .filter((member) => !isInternal(member) && !isPrivate(member) && !ts.isClassStaticBlockDeclaration(member))
    // What the language calls by symbols is in what it implements.
    .filter((member) => member.name === undefined || !ts.isComputedPropertyName(member.name))
    // Of a function that is declared several times, the last one is what it does.
    .filter((member, _, all) => {
      const same = all.filter((other) => other.name?.getText() === member.name?.getText() && other.kind === member.kind);
      return same.length === 1 || member.body === undefined;
    })
    .map((member) => {
      const text = signature(member).replace(/^constructor\(/, `new ${owner}(`);
      return entry(member, `${owner}.${member.name?.getText() ?? 'constructor'}`, text);
    });
}

function item(symbol, name) {
  const nodes = symbol.declarations.filter((node) => !isInternal(node));
  const [node] = nodes;
  if (node === undefined) return undefined;
  if (ts.isSourceFile(node)) return namespace(symbol, name, node);
  if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
    const own = members(node, name);
    const heritage = node.heritageClauses?.map((clause) => clause.getText()).join(' ') ?? '';
    const head = `### ${name}\n\n${heritage === '' ? '' : `*${heritage}*\n\n`}${doc(node, name)}`;
    return `${head}\n\n${own.join('\n\n')}`.trimEnd();
  }
  if (ts.isTypeAliasDeclaration(node)) return `### ${name}\n\n${doc(node, name)}\n\n${alias(node)}`.trimEnd();
  if (ts.isFunctionDeclaration(node)) {
    const overloads = nodes.length > 1 ? nodes.filter((one) => one.body === undefined) : nodes;
    return `### ${name}()\n\n${overloads.map((one) => entry(one, name)).join('\n\n')}`;
  }
  return `### ${name}\n\n${doc(node, name)}`;
}

/** The cases of a type, with what is said about each. */
function alias(node) {
  if (!ts.isUnionTypeNode(node.type)) return `- \`${node.type.getText().replace(/\s+/g, ' ')}\``;
  return node.type.types
    .map((type) => {
      const text = type.getSourceFile().text;
      const comment = ts.getLeadingCommentRanges(text, type.getFullStart())?.at(-1);
      const said = comment === undefined ? '' : text.slice(comment.pos, comment.end).replace(/^\/\*\*\s*|\s*\*\/$/g, '');
      return `- \`${type.getText().replace(/\s+/g, ' ')}\`${said === '' ? '' : `: ${said.replace(/\{@link ([\w.]+)\}/g, '`$1`')}`}`;
    })
    .join('\n');
}

function namespace(symbol, name, source) {
  const parts = [`### ${name}`, moduleDoc(source, name)];
  for (const member of checker.getExportsOfModule(symbol)) {
    const own = resolved(member);
    const [node] = own.declarations;
    if (isInternal(node)) continue;
    // What is exported by itself too is explained there.
    if (topLevel.has(own)) {
      parts.push(`- \`${name}.${member.name}\`: see \`${member.name}\``);
    } else if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
      parts.push(`#### ${name}.${member.name}\n\n${doc(node, `${name}.${member.name}`)}\n\n${members(node, `${name}.${member.name}`).join('\n\n')}`.trimEnd());
    } else if (ts.isTypeAliasDeclaration(node)) {
      parts.push(`#### ${name}.${member.name}\n\n${doc(node, `${name}.${member.name}`)}\n\n${alias(node)}`);
    } else {
      for (const one of own.declarations.filter((each, _, all) => all.length === 1 || each.body === undefined)) {
        parts.push(entry(one, `${name}.${member.name}`, `${name}.${signature(one).replace(/^(const|let|var) /, '')}`));
      }
    }
  }
  return parts.filter(Boolean).join('\n\n');
}

const topLevel = new Set();

function page() {
  const { source, symbols } = exportsOf('index.ts');
  for (const symbol of symbols) topLevel.add(resolved(symbol));
  const isNamespace = (symbol) => (resolved(symbol).flags & ts.SymbolFlags.ValueModule) !== 0;
  const place = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  const byPlace = (a, b) => place(a) - place(b) || (a.name < b.name ? -1 : 1);
  const shown = (list) => list.map((symbol) => item(resolved(symbol), symbol.name)).filter(Boolean).join('\n\n');
  const names = symbols.filter((symbol) => !isNamespace(symbol)).sort(byPlace);
  const modules = symbols.filter(isNamespace).sort(byPlace);
  const files = exportsOf('fs.ts');
  return `<!-- Made by sdk/javascript/reference.mjs of the comments in sdk/javascript/src. -->

# The JavaScript API

${moduleDoc(source, 'inferlet')}

## From \`inferlet\`

${shown(names)}

## Modules of \`inferlet\`

${shown(modules)}

## From \`node:fs/promises\`

${moduleDoc(files.source, 'fs')}

${shown(files.symbols.filter(({ name }) => name !== 'default'))}
`;
}

/** The examples as programs, each with what it needs in front. */
function programs(folder) {
  mkdirSync(folder, { recursive: true });
  const exported = exportsOf('index.ts').symbols.map(({ name }) => name);
  for (const [number, { name, code }] of examples.entries()) {
    const isImported = code.includes("from 'inferlet'");
    const used = exported.filter((one) => new RegExp(`\\b${one}\\b`).test(code.replace(/'[^'\n]*'/g, '')));
    const around = ['model', 'ctx'].filter((one) => new RegExp(`\\b${one}\\b`).test(code) && !new RegExp(`(using|const) ${one} =`).test(code));
    const head = [
      isImported || used.length === 0 ? '' : `import { ${used.join(', ')} } from 'inferlet';`,
      around.length === 0 ? '' : `import { ${around.join(', ')} } from '../reference/around.ts';`,
      isImported || used.length > 0 || around.length > 0 ? '' : 'export {};',
    ];
    const text = `${head.filter(Boolean).join('\n')}\n\n${code}\n`;
    writeFileSync(join(folder, `${String(number).padStart(2, '0')}-${name.replace(/\W/g, '-')}.ts`), text);
  }
}

const text = page();
if (silent.length > 0) {
  console.error(`nothing is said about ${silent.join(', ')}`);
  process.exit(1);
}
const [command, path] = process.argv.slice(2);
if (command === '--examples') {
  programs(path);
} else if (command === '--check') {
  if (readFileSync(path, 'utf8') !== text) {
    console.error(`\`${path}\` is not what the comments say: run \`node sdk/javascript/reference.mjs ${path}\``);
    process.exit(1);
  }
} else {
  writeFileSync(command, text);
}
