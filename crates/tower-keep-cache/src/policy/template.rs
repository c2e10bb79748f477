use std::fmt;

/// A tag with the names of path parameters in it: `product:{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    Parameter(Box<str>),
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// A brace without its partner.
    Brace,
    /// `{}`.
    Name,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brace => "a brace has no partner: parameters are written {name}",
            Self::Name => "a parameter has no name",
        })
    }
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(open);
            let inner = from.strip_prefix('{').ok_or(TemplateError::Brace)?;
            let (name, behind) = inner.split_once('}').ok_or(TemplateError::Brace)?;
            // axum writes `{*rest}` in the path and calls the parameter `rest`.
            let name = name.strip_prefix('*').unwrap_or(name);
            if name.contains('{') {
                return Err(TemplateError::Brace);
            }
            if name.is_empty() {
                return Err(TemplateError::Name);
            }
            if !before.is_empty() {
                segments.push(Segment::Text(before.into()));
            }
            segments.push(Segment::Parameter(name.into()));
            rest = behind;
        }
        if !rest.is_empty() {
            segments.push(Segment::Text(rest.into()));
        }
        Ok(Self(segments))
    }

    pub(crate) fn has_parameters(&self) -> bool {
        self.0
            .iter()
            .any(|segment| matches!(segment, Segment::Parameter(_)))
    }

    /// The tag with every parameter replaced by its text, or the name of the first one that has none.
    pub(crate) fn fill<'a>(
        &self,
        parameter: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<String, &str> {
        let mut tag = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Text(text) => tag.push_str(text),
                Segment::Parameter(name) => tag.push_str(parameter(name).ok_or(&**name)?),
            }
        }
        Ok(tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        let template = Template::parse(template).unwrap();
        let filled = template.fill(|name| {
            parameters
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, text)| *text)
        });
        filled.map_err(str::to_owned)
    }

    #[test]
    fn parameters_are_replaced_by_their_text_as_it_stands() {
        assert_eq!(
            fill("product:{id}", &[("id", "007")]).as_deref(),
            Ok("product:007")
        );
        assert_eq!(
            fill("{a}/{b}", &[("a", "x"), ("b", "y")]).as_deref(),
            Ok("x/y")
        );
        assert_eq!(
            fill("file:{*path}", &[("path", "a/b")]).as_deref(),
            Ok("file:a/b")
        );
        assert_eq!(fill("bestsellers", &[]).as_deref(), Ok("bestsellers"));
    }

    #[test]
    fn a_parameter_without_text_is_named() {
        assert_eq!(
            fill("shop:{shop}:{id}", &[("shop", "1")]),
            Err("id".to_owned())
        );
    }

    #[test]
    fn a_text_that_is_no_template_says_why() {
        for text in ["{id", "id}", "a}{b", "{a{b}}"] {
            assert_eq!(Template::parse(text), Err(TemplateError::Brace), "{text}");
        }
        assert_eq!(Template::parse("a{}"), Err(TemplateError::Name));
        assert_eq!(Template::parse("a{*}"), Err(TemplateError::Name));
    }
}
