//! What a source file names: every path, also inside macros and attributes, with aliases and `super` resolved.

use std::collections::BTreeSet;

use syn::buffer::{Cursor, TokenBuffer};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Meta, Token, UseTree};

type Name = Vec<String>;

/// What one file says. Code that is compiled for tests alone counts only for `ignored` and `test_files`.
#[derive(Default)]
pub struct Reading {
    /// Every name, with aliases replaced by what they stand for; those of this crate begin with `crate`.
    pub names: Vec<Name>,
    aliases: Vec<(String, Name)>,
    /// Methods that are called.
    pub methods: Vec<String>,
    /// Types built with a struct literal.
    pub literals: Vec<String>,
    /// Structs with a field that others can see.
    pub open: Vec<String>,
    /// Inline modules and modules declared.
    pub modules: Vec<String>,
    /// Files, relative to `src`, that hold only tests.
    pub test_files: Vec<String>,
    /// Whether a test is ignored.
    pub ignored: bool,
    file: String,
    inside: Name,
    in_tests: usize,
}

impl Reading {
    /// Reads `source`, which stands at `file` (relative to `src`, with forward slashes).
    pub fn of(file: &str, source: &str) -> Self {
        let mut inside: Name = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        inside.pop_if(|last| last == "mod" || last == "lib");
        let mut reading = Self { file: file.to_owned(), inside, ..Self::default() };
        reading.visit_file(&syn::parse_file(source).expect("the file parses"));
        let written: BTreeSet<Name> = std::mem::take(&mut reading.names).into_iter().collect();
        let meant: BTreeSet<Name> = written.iter().flat_map(|name| reading.meanings(name, 4)).collect();
        reading.names = meant.into_iter().collect();
        reading
    }

    /// Whether some name contains these segments in a row.
    pub fn has(&self, segments: &[&str]) -> bool {
        self.names.iter().any(|name| name.windows(segments.len()).any(|window| window == segments))
    }

    fn meanings(&self, name: &Name, depth: usize) -> Vec<Name> {
        let mut out = vec![name.clone()];
        let first = name.first().map_or("", String::as_str);
        for (_, target) in self.aliases.iter().filter(|(alias, target)| alias == first && target != name) {
            let whole = [target.as_slice(), &name[1..]].concat();
            if depth > 0 && target.first() != Some(&name[0]) {
                out.extend(self.meanings(&whole, depth - 1));
            } else {
                out.push(whole);
            }
        }
        out
    }

    /// The name seen from the crate's root when it begins with `crate`, `self` or `super`.
    fn absolute(&self, mut name: Name) -> Name {
        if name.last().is_some_and(|last| last == "self") && name.len() > 1 {
            name.pop();
        }
        let ups = name.iter().take_while(|segment| *segment == "super" || *segment == "self").count();
        if ups == 0 {
            return name;
        }
        let supers = name.iter().take(ups).filter(|segment| *segment == "super").count();
        let kept = self.inside.len().saturating_sub(supers);
        [&["crate".to_owned()], &self.inside[..kept], &name[ups..]].concat()
    }

    fn note(&mut self, name: Name) {
        if self.in_tests == 0 && !name.is_empty() {
            let name = self.absolute(name);
            self.names.push(name);
        }
    }

    fn import(&mut self, alias: &str, name: Name) {
        if self.in_tests == 0 {
            self.aliases.push((alias.to_owned(), self.absolute(name.clone())));
        }
        self.note(name);
    }

    fn tree(&mut self, tree: &UseTree, prefix: &Name) {
        let with = |ident: &syn::Ident| [prefix.as_slice(), &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            UseTree::Name(name) if name.ident == "self" => {
                self.import(prefix.last().map_or("", String::as_str), prefix.clone());
            }
            UseTree::Name(name) => self.import(&name.ident.to_string(), with(&name.ident)),
            UseTree::Rename(name) => self.import(&name.rename.to_string(), with(&name.ident)),
            UseTree::Glob(_) => self.note([prefix.as_slice(), &["*".to_owned()]].concat()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, prefix)),
        }
    }

    /// Names and method calls among the tokens of a macro or attribute, which syn leaves unparsed.
    fn tokens(&mut self, mut cursor: Cursor<'_>, prefix: &Name) {
        let (mut name, mut colons, mut after_dot) = (prefix.clone(), 2, false);
        while !cursor.eof() {
            if let Some((ident, rest)) = cursor.ident() {
                if colons < 2 {
                    self.note(std::mem::replace(&mut name, prefix.clone()));
                }
                if after_dot && rest.any_group().is_some() && self.in_tests == 0 {
                    self.methods.push(ident.to_string());
                }
                name.push(ident.to_string());
                (colons, after_dot, cursor) = (0, false, rest);
            } else if let Some((punct, rest)) = cursor.punct() {
                if punct.as_char() == ':' {
                    colons += 1;
                } else {
                    self.note(std::mem::replace(&mut name, prefix.clone()));
                    colons = 2;
                }
                (after_dot, cursor) = (punct.as_char() == '.', rest);
            } else if let Some((inner, _, _, rest)) = cursor.any_group() {
                let outer = if colons >= 2 { name.clone() } else { Name::new() };
                self.tokens(inner, &outer);
                self.note(std::mem::replace(&mut name, prefix.clone()));
                (colons, after_dot, cursor) = (2, false, rest);
            } else if let Some((_, rest)) = cursor.token_tree() {
                self.note(std::mem::replace(&mut name, prefix.clone()));
                (colons, after_dot, cursor) = (2, false, rest);
            }
        }
        self.note(name);
    }

    /// Runs `visit` as tests when one of the attributes says so.
    fn scope(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let test = attributes.iter().any(|a| a.path().is_ident("test") || only_tests(&a.meta));
        self.in_tests += usize::from(test);
        visit(self);
        self.in_tests -= usize::from(test);
    }

    /// Where the file of a module declared here may stand.
    fn declared(&self, item: &syn::ItemMod) -> Vec<String> {
        let (folder, file) = self.file.rsplit_once('/').unwrap_or(("", &self.file));
        let own = match file.trim_end_matches(".rs") {
            "mod" | "lib" => folder.to_owned(),
            stem => format!("{folder}/{stem}"),
        };
        let path = item.attrs.iter().filter_map(|a| match &a.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
        let named: Vec<String> = path.map(|path| format!("{folder}/{path}")).collect();
        if named.is_empty() {
            vec![format!("{own}/{}.rs", item.ident), format!("{own}/{}/mod.rs", item.ident)]
        } else {
            named
        }
    }
}

/// Whether a `cfg` holds in test builds alone: `test`, `all(…, test)`, `any(test)`, but not `any(test, other)` or `not(test)`.
fn only_tests(meta: &Meta) -> bool {
    let Meta::List(list) = meta else { return meta.path().is_ident("test") };
    let Ok(inner) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else { return false };
    match list.path.get_ident().map(ToString::to_string).as_deref() {
        Some("cfg" | "all") => inner.iter().any(only_tests),
        Some("any") => !inner.is_empty() && inner.iter().all(only_tests),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Reading {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let list =
            |list: &syn::MetaList| list.tokens.to_string().split(|c: char| !c.is_alphanumeric()).any(|w| w == "ignore");
        self.ignored |= attribute.path().is_ident("ignore");
        self.ignored |= attribute.path().is_ident("cfg_attr") && attribute.meta.require_list().is_ok_and(list);
        visit::visit_attribute(self, attribute);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.visit_path(&list.path);
        self.tokens(TokenBuffer::new2(list.tokens.clone()).begin(), &Name::new());
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.tokens(TokenBuffer::new2(item.tokens.clone()).begin(), &Name::new());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.scope(&item.attrs, |this| {
            this.modules.push(item.ident.to_string());
            if item.content.is_none() && this.in_tests > 0 {
                this.test_files.extend(this.declared(item));
            }
            this.inside.push(item.ident.to_string());
            visit::visit_item_mod(this, item);
            this.inside.pop();
        });
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.scope(&item.attrs, |this| visit::visit_item_fn(this, item));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.scope(&item.attrs, |this| visit::visit_item_impl(this, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.scope(&item.attrs, |this| visit::visit_impl_item_fn(this, item));
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.scope(&item.attrs, |this| this.tree(&item.tree, &Name::new()));
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let alias = item.rename.as_ref().map_or(&item.ident, |(_, rename)| rename).to_string();
        self.scope(&item.attrs, |this| this.import(&alias, vec![item.ident.to_string()]));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        if item.fields.iter().any(|field| !matches!(field.vis, syn::Visibility::Inherited)) {
            self.open.push(item.ident.to_string());
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if self.in_tests == 0 {
            self.methods.push(call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_struct(&mut self, item: &'ast syn::ExprStruct) {
        if self.in_tests == 0 {
            self.literals.extend(item.path.segments.last().map(|segment| segment.ident.to_string()));
        }
        visit::visit_expr_struct(self, item);
    }
}
