//! Reads a table into what is done and what is expected, keeping the number of every line.

use chrono::{NaiveDate, NaiveTime};

/// A line of a table, without blanks at its ends.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// When a step happens, on the clocks of the organisation or in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub(crate) date: NaiveDate,
    pub(crate) time: NaiveTime,
    pub(crate) is_utc: bool,
}

/// Something that is done, and what comes of it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) number: usize,
    pub(crate) when: When,
    pub(crate) what: String,
    pub(crate) answer: Option<String>,
    pub(crate) tells: Vec<Line>,
}

/// A look at the organisation, and what is to be seen.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) line: Line,
    pub(crate) rows: Vec<Line>,
}

/// What follows the setup.
#[derive(Debug)]
pub(crate) enum Item {
    Step(Step),
    Look(Look),
}

/// A whole table.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) title: String,
    pub(crate) setup: Vec<Line>,
    pub(crate) items: Vec<Item>,
}

/// A line that cannot be read or did not come true: its number, and why.
pub(crate) type Fault = (usize, String);

/// Words separated by one blank each.
pub(crate) fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Script {
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        let mut script = Self { title: String::new(), setup: Vec::new(), items: Vec::new() };
        let mut date = None;
        for (index, raw) in text.lines().enumerate() {
            let line = Line { number: index + 1, text: squeeze(raw) };
            if line.text.is_empty() || line.text.starts_with('#') {
                continue;
            }
            let number = line.number;
            script.read_line(line, &mut date).map_err(|why| (number, why))?;
        }
        if script.title.is_empty() {
            return Err((1, "a table begins with `title:` and the rule that it shows".to_owned()));
        }
        Ok(script)
    }

    fn read_line(&mut self, line: Line, date: &mut Option<NaiveDate>) -> Result<(), String> {
        let (first, rest) = line.text.split_once(' ').unwrap_or((&line.text, ""));
        match first {
            "title:" => rest.clone_into(&mut self.title),
            "then" => {
                let line = Line { number: line.number, text: rest.to_owned() };
                self.items.push(Item::Look(Look { line, rows: Vec::new() }));
            }
            "|" => {
                let row = Line { number: line.number, text: rest.to_owned() };
                match self.items.last_mut() {
                    Some(Item::Look(look)) => look.rows.push(row),
                    Some(Item::Step(_)) | None => {
                        return Err("a row stands below `then …`".to_owned());
                    }
                }
            }
            "tells" => {
                let told = Line { number: line.number, text: rest.to_owned() };
                match self.items.last_mut() {
                    Some(Item::Step(step)) => step.tells.push(told),
                    Some(Item::Look(_)) | None => {
                        return Err("`tells` stands below a step".to_owned());
                    }
                }
            }
            _ if first.starts_with(|c: char| c.is_ascii_digit()) => {
                self.items.push(Item::Step(read_step(&line, date)?));
            }
            _ if self.items.is_empty() => self.setup.push(line),
            _ => {
                return Err(format!("`{first}` is neither a time nor `then`, `tells` or `|`"));
            }
        }
        Ok(())
    }
}

fn read_step(line: &Line, date: &mut Option<NaiveDate>) -> Result<Step, String> {
    let mut rest = line.text.as_str();
    let mut word = next_word(&mut rest);
    if let Ok(day) = word.parse() {
        *date = Some(day);
        word = next_word(&mut rest);
    }
    let date = date.ok_or("the first step needs a date")?;
    let (clock, is_utc) = word.strip_suffix('Z').map_or((word, false), |clock| (clock, true));
    let time = NaiveTime::parse_from_str(clock, "%H:%M:%S%.f")
        .or_else(|_| NaiveTime::parse_from_str(clock, "%H:%M"))
        .map_err(|_| format!("`{word}` is no time"))?;
    let (what, answer) = match rest.split_once("->") {
        Some((what, answer)) => (what.trim(), Some(answer.trim().to_owned())),
        None => (rest.trim(), None),
    };
    Ok(Step {
        number: line.number,
        when: When { date, time, is_utc },
        what: what.to_owned(),
        answer,
        tells: Vec::new(),
    })
}

/// Cuts the first word off.
pub(crate) fn next_word<'a>(rest: &mut &'a str) -> &'a str {
    let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
    *rest = after.trim_start();
    word
}

/// `a, b` as a list; nothing as an empty one.
pub(crate) fn comma_list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// `agent-1..200` as `agent-1`, `agent-2` … `agent-200`; any other name as itself.
pub(crate) fn names(text: &str) -> Result<Vec<String>, String> {
    let Some((head, last)) = text.split_once("..") else {
        return Ok(vec![text.to_owned()]);
    };
    let stem = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| format!("`{text}` is no range"));
    let (first, last) = (number(&head[stem.len()..])?, number(last)?);
    Ok((first..=last).map(|n| format!("{stem}{n}")).collect())
}
