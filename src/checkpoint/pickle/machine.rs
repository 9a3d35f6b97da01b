//! The instructions and what they do.

use super::{Global, Items, PROTO, Unpickled, Value};

/// Python writes dictionaries in batches of 1000 pairs, so that no genuine
/// state dict needs more than about 2100.
const MAX_STACK: usize = 1 << 14;

/// Values of a pickle whatever its length; beyond these, torch needs about
/// three bytes for each value that it keeps, and the limit is two.
const FEW: usize = 64;

/// Longer than any name on the list; those that are refused are printed.
const MAX_NAME: usize = 256;

/// Runs the pickle at the start of `bytes`.
pub(in crate::checkpoint) fn unpickle(bytes: &[u8]) -> Result<Unpickled<'_>, String> {
    let mut machine = Machine {
        bytes,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        tuples: Vec::new(),
        containers: Vec::new(),
        stored: 0,
    };
    loop {
        let start = machine.at;
        let step = machine.step();
        match step.map_err(|reason| format!("pickle, byte {start}: {reason}"))? {
            None => {}
            Some(root) => {
                return Ok(Unpickled {
                    root,
                    len: machine.at,
                    tuples: machine.tuples,
                    containers: machine.containers,
                });
            }
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value<'a>>,
    /// Stack heights at which `MARK` was met.
    marks: Vec<usize>,
    memo: Vec<Option<Value<'a>>>,
    tuples: Vec<Value<'a>>,
    /// Lists, and dictionaries as key, value, key, value, …
    containers: Vec<Vec<Value<'a>>>,
    /// How many values are in `tuples` and `containers`.
    stored: usize,
}

impl<'a> Machine<'a> {
    /// Executes one instruction; `STOP` gives the result.
    ///
    /// The numbers and names are those of Python's `pickletools`.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        match self.u8()? {
            PROTO => match self.u8()? {
                2..=5 => {}
                version => return Err(format!("protocol {version} is not supported")),
            },
            // FRAME: only a hint for buffering.
            0x95 => drop(self.array::<8>()?),
            b'.' => return self.stop().map(Some),
            b'(' => self.mark()?,

            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'K' => self.push_int(Self::u8)?,
            b'M' => self.push_int(|m| m.array().map(u16::from_le_bytes))?,
            b'J' => self.push_int(|m| m.array().map(i32::from_le_bytes))?,
            0x8a => self.long()?,
            0x8c => self.string(|m| m.u8().map(usize::from))?,
            b'X' => self.string(Self::u32)?,

            b'c' => self.global()?,
            0x93 => self.stack_global()?,
            b'i' => self.inst()?,
            b'Q' => self.persistent_id()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,

            b')' => self.tuple(0)?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let start = self.pop_mark()?;
                self.tuple(self.stack.len() - start)?;
            }
            b']' => self.container(Value::List)?,
            b'}' => self.container(Value::Dict)?,
            b'a' => self.extend_top(self.stack.len().saturating_sub(1), Kind::List)?,
            b's' => self.extend_top(self.stack.len().saturating_sub(2), Kind::Dict)?,
            b'e' => {
                let start = self.pop_mark()?;
                self.extend_top(start, Kind::List)?;
            }
            b'u' => {
                let start = self.pop_mark()?;
                self.extend_top(start, Kind::Dict)?;
            }

            b'q' => {
                let slot = self.u8()?.into();
                self.memoize(slot)?;
            }
            b'r' => {
                let slot = self.u32()?;
                self.memoize(slot)?;
            }
            0x94 => self.memoize(self.memo.len())?,
            b'h' => {
                let slot = self.u8()?.into();
                self.recall(slot)?;
            }
            b'j' => {
                let slot = self.u32()?;
                self.recall(slot)?;
            }
            code => {
                return Err(format!(
                    "instruction 0x{code:02x} is not needed for tensors and refused"
                ));
            }
        }
        Ok(None)
    }

    // Reading.

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let taken = rest
            .get(..len)
            .ok_or_else(|| format!("ends early, {len} bytes expected, {} left", rest.len()))?;
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("take gives what was asked for"))
    }

    fn u8(&mut self) -> Result<u8, String> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<usize, String> {
        let number = u32::from_le_bytes(self.array()?);
        usize::try_from(number).map_err(|_| format!("{number} is too large"))
    }

    /// A name that ends with a newline.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().take(MAX_NAME).position(|&byte| byte == b'\n');
        let line = self.take(len.ok_or("a name does not end")?)?;
        self.at += 1;
        text(line)
    }

    // Values.

    fn push(&mut self, value: Value<'a>) -> Result<(), String> {
        self.check_depth()?;
        self.stack.push(value);
        Ok(())
    }

    fn mark(&mut self) -> Result<(), String> {
        self.check_depth()?;
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn check_depth(&self) -> Result<(), String> {
        if self.stack.len() + self.marks.len() < MAX_STACK {
            Ok(())
        } else {
            Err("stack is too deep".into())
        }
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        let value = self.top()?;
        self.stack.pop();
        Ok(value)
    }

    fn top(&self) -> Result<Value<'a>, String> {
        let top = self.stack[self.floor()..].last();
        top.copied().ok_or_else(|| "stack is empty".to_owned())
    }

    /// What lies below the last mark belongs to an unfinished tuple or batch
    /// and is out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop_mark(&mut self) -> Result<usize, String> {
        self.marks.pop().ok_or_else(|| "mark is missing".to_owned())
    }

    fn stop(&mut self) -> Result<Value<'a>, String> {
        match self.stack.as_slice() {
            &[root] if self.marks.is_empty() => Ok(root),
            _ => Err("does not end with exactly one value".into()),
        }
    }

    fn push_int<T: Into<i64>>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<(), String> {
        let number = read(self)?;
        self.push(Value::Int(number.into()))
    }

    /// `LONG1`: a whole number of up to 255 bytes.
    fn long(&mut self) -> Result<(), String> {
        let len = self.u8()?.into();
        let bytes = self.take(len)?;
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut extended = [if negative { 0xff } else { 0 }; 8];
        self.push(match extended.get_mut(..len) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(extended))
            }
            None => Value::BigInt(bytes),
        })
    }

    fn string(&mut self, len: impl Fn(&mut Self) -> Result<usize, String>) -> Result<(), String> {
        let len = len(self)?;
        let bytes = self.take(len)?;
        self.push(Value::Str(text(bytes)?))
    }

    // Names and calls.

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        self.push(Value::Global(Global::named(module, name)?))
    }

    fn stack_global(&mut self) -> Result<(), String> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (module, name) {
            (Value::Str(module), Value::Str(name)) => {
                self.push(Value::Global(Global::named(module, name)?))
            }
            _ => Err("the name of a global is no string".into()),
        }
    }

    /// `INST` loads and calls in one, which no tensor needs. The name is
    /// read for the message.
    fn inst(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        Global::named(module, name)?;
        Err(format!(
            "calls {module}.{name} in a way tensors do not need"
        ))
    }

    fn persistent_id(&mut self) -> Result<(), String> {
        match self.pop()? {
            Value::Tuple(items) => self.push(Value::Storage(items)),
            _ => Err("a storage is not described by a tuple".into()),
        }
    }

    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Value::Tuple(items) = arguments else {
            return Err("arguments are not a tuple".into());
        };
        match callable {
            Value::Global(Global::OrderedDict) if items.len == 0 => self.container(Value::Dict),
            Value::Global(Global::RebuildTensor) => self.push(Value::Tensor(items)),
            Value::Global(Global::RebuildParameter) => {
                match self.tuples[items.start..][..items.len].first() {
                    Some(&tensor @ Value::Tensor(_)) => self.push(tensor),
                    _ => Err("a parameter is not made from a tensor".into()),
                }
            }
            _ => Err("calls what makes no tensor".into()),
        }
    }

    /// `BUILD` sets attributes. A state dict has `_metadata`, the versions of
    /// its modules, which nothing here depends on.
    fn build(&mut self) -> Result<(), String> {
        match (self.pop()?, self.pop()?) {
            (Value::Dict(_), object @ Value::Dict(_)) => self.push(object),
            _ => Err("sets attributes of something else than a dictionary".into()),
        }
    }

    // Tuples, lists, dictionaries.

    /// Accounts for values that are about to be kept for good.
    fn store(&mut self, count: usize) -> Result<(), String> {
        self.stored += count;
        if self.stored > FEW + self.at / 2 {
            return Err("has more values than a state dict makes of so few bytes".into());
        }
        Ok(())
    }

    /// Makes a tuple of the topmost `len` values.
    fn tuple(&mut self, len: usize) -> Result<(), String> {
        let bottom = self.stack.len().checked_sub(len);
        let Some(bottom) = bottom.filter(|&bottom| bottom >= self.floor()) else {
            return Err("stack is empty".into());
        };
        self.store(len)?;
        let start = self.tuples.len();
        self.tuples.extend(self.stack.drain(bottom..));
        self.push(Value::Tuple(Items { start, len }))
    }

    fn container(&mut self, value: fn(usize) -> Value<'a>) -> Result<(), String> {
        self.store(1)?;
        self.containers.push(Vec::new());
        self.push(value(self.containers.len() - 1))
    }

    /// Moves the values from `start` up into the container below them.
    fn extend_top(&mut self, start: usize, kind: Kind) -> Result<(), String> {
        let count = self.stack.len() - start;
        self.store(count)?;
        let below = start.checked_sub(1).filter(|&below| below >= self.floor());
        let container = match (below.map(|below| self.stack[below]), kind) {
            (Some(Value::List(index)), Kind::List) | (Some(Value::Dict(index)), Kind::Dict) => {
                &mut self.containers[index]
            }
            _ => return Err(format!("there is no {kind:?} to add to")),
        };
        if kind == Kind::Dict && !count.is_multiple_of(2) {
            return Err("a dictionary has a key without a value".into());
        }
        container.extend(self.stack.drain(start..));
        Ok(())
    }

    // The memo.

    fn memoize(&mut self, slot: usize) -> Result<(), String> {
        // Slots are filled in order, and making and storing takes two bytes.
        if slot >= self.at / 2 {
            return Err(format!("memo {slot} is out of range"));
        }
        let value = self.top()?;
        if slot >= self.memo.len() {
            self.memo.resize(slot + 1, None);
        }
        self.memo[slot] = Some(value);
        Ok(())
    }

    fn recall(&mut self, slot: usize) -> Result<(), String> {
        match self.memo.get(slot) {
            Some(&Some(value)) => self.push(value),
            _ => Err(format!("memo {slot} is empty")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Dict,
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "a string is not UTF-8".to_owned())
}
