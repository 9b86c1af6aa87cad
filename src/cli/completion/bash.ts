// The script for bash. Words of ours have no spaces and nothing that bash would read otherwise.
import type { OptionWord, Words } from './words.js';

export function bashScript(words: readonly Words[]): string {
  const cases = words.map(({ path, commands, options, choices }) => {
    const names = [...commands.map(({ name }) => name), ...choices];
    const lines = [
      `    '${path.join(' ')}')`,
      `      names='${names.join(' ')}'`,
      `      options='${options.map(({ name }) => name).join(' ')}'`,
      `      case "$before" in`,
      ...taking(options),
      '      esac',
      '      ;;',
    ];
    return lines.join('\n');
  });
  const paths = words.filter(({ path }) => path.length > 0).map(({ path }) => `'${path.join(' ')}'`);
  return `# Completes mayfly in bash: eval "$(mayfly completion bash)"
_mayfly() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path='' names='' options='' at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    [[ "\${COMP_WORDS[at]}" == -- ]] && { COMPREPLY=($(compgen -f -- "$word")); return; }
    case "\${path:+$path }\${COMP_WORDS[at]}" in
    ${paths.join(' | ')}) path="\${path:+$path }\${COMP_WORDS[at]}" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  elif [[ -n "$names" ]]; then
    COMPREPLY=($(compgen -W "$names" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _mayfly mayfly`;
}

/** What comes behind an option that takes something. */
function taking(options: readonly OptionWord[]): string[] {
  const of = (takes: OptionWord['takes']): string =>
    options
      .filter((option) => option.takes === takes)
      .map(({ name }) => name)
      .join(' | ');
  return [
    ...options
      .filter(({ takes }) => takes === 'choice')
      .flatMap(({ name, choices }) => by(name, `$(compgen -W '${choices.join(' ')}' -- "$word")`)),
    ...by(of('file'), '$(compgen -f -- "$word")'),
    ...by(of('folder'), '$(compgen -d -- "$word")'),
    ...by(of('something'), ''),
  ];
}

const by = (names: string, reply: string): string[] =>
  names === '' ? [] : [`      ${names}) COMPREPLY=(${reply}); return ;;`];
