// The script for zsh: the same words, with what each is for.
import type { OptionWord, Words } from './words.js';

export function zshScript(words: readonly Words[]): string {
  const cases = words.map(({ path, commands, options, choices }) =>
    [
      `    '${path.join(' ')}')`,
      `      names=(${[...commands.map(({ name, about }) => described(name, about)), ...choices.map(quoted)].join(' ')})`,
      `      options=(${options.map(({ name, about }) => described(name, about)).join(' ')})`,
      '      case "$before" in',
      ...options.flatMap(taking),
      '      esac',
      '      ;;',
    ].join('\n'),
  );
  const paths = words.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  return `#compdef mayfly
# Completes mayfly in zsh: eval "$(mayfly completion zsh)"
_mayfly() {
  local word="\${words[CURRENT]}" before="\${words[CURRENT-1]}" route='' at
  local -a names options
  for ((at = 2; at < CURRENT; at++)); do
    [[ "\${words[at]}" == -- ]] && { _files; return }
    case "\${route:+$route }\${words[at]}" in
    (${paths.join('|')}) route="\${route:+$route }\${words[at]}" ;;
    esac
  done
  case "$route" in
${cases.join('\n')}
  esac
  if [[ "$word" == -* ]]; then
    _describe -o option options
  elif (( \${#names} )); then
    _describe command names
  else
    _files
  fi
}
compdef _mayfly mayfly`;
}

function taking({ name, takes, choices }: OptionWord): string[] {
  switch (takes) {
    case 'nothing':
      return [];
    case 'choice':
      return [`      (${name}) compadd -- ${choices.map(quoted).join(' ')}; return ;;`];
    case 'file':
      return [`      (${name}) _files; return ;;`];
    case 'folder':
      return [`      (${name}) _files -/; return ;;`];
    case 'something':
      return [`      (${name}) return ;;`];
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;
/** `name:what it is for`, as _describe wants it. */
const described = (name: string, about: string): string =>
  quoted(`${name}:${about.replaceAll(':', String.raw`\:`)}`);
