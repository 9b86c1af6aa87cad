// The script for fish: a line for each word, with the condition under which it may stand.
import type { OptionWord, Words } from './words.js';

export function fishScript(words: readonly Words[]): string {
  const paths = words.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  return `# Completes mayfly in fish: mayfly completion fish | source
function __mayfly_path
    set -l path
    for word in (commandline -opc)[2..-1]
        set -l longer (string join -- ' ' $path $word)
        contains -- "$longer" ${paths.join(' ')}; and set path $longer
    end
    echo "$path"
end
function __mayfly_at
    test (__mayfly_path) = "$argv[1]"
end
complete -c mayfly -f
${words.flatMap(lines).join('\n')}`;
}

function lines({ path, commands, options, choices }: Words): string[] {
  const here = `complete -c mayfly -n ${quoted(`__mayfly_at ${quoted(path.join(' '))}`)}`;
  const takesFile = commands.length === 0 && choices.length === 0 && path.length > 0;
  return [
    ...commands.map(({ name, about }) => `${here} -a ${quoted(name)} -d ${quoted(about)}`),
    ...choices.map((choice) => `${here} -a ${quoted(choice)}`),
    ...(takesFile ? [`${here} -F`] : []),
    ...options.map((option) => `${here} ${optionText(option)}`),
  ];
}

function optionText({ name, about, takes, choices }: OptionWord): string {
  const flag = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
  const argument: Readonly<Record<OptionWord['takes'], string>> = {
    nothing: '',
    file: ' -r -F',
    folder: " -x -a '(__fish_complete_directories)'",
    choice: ` -x -a ${quoted(choices.join(' '))}`,
    something: ' -x',
  };
  return `${flag}${argument[takes]} -d ${quoted(about)}`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
