#!/bin/sh
# Links the kernel twice: the second time with the table of function names that
# nm finds in the first. Text lies before the table, so no function moves.
# usage: symbols.sh OUT CC "LDFLAGS" OBJECT...
set -eu
out=$1 cc=$2 flags=$3
shift 3

# shellcheck disable=SC2086 # the flags are words
$cc $flags -o "$out.1" "$@"
nm -n "$out.1" | awk '
	$2 ~ /^[tT]$/ && $3 !~ /^(\.L|kernel_)/ {
		offset[n] = "0x" substr($1, 9)
		name[n++] = $3
	}
	END {
		print "\t.section .ksyms, \"a\""
		print "\t.globl ksyms_count, ksyms_offset, ksyms_name, ksyms_text"
		print "\t.balign 4\nksyms_count:\n\t.long " n + 0
		print "ksyms_offset:"
		for (i = 0; i < n; i++)
			print "\t.long " offset[i] " - 0x80000000"
		print "ksyms_name:"
		for (i = 0; i < n; i++) {
			print "\t.long " at + 0
			at += length(name[i]) + 1
		}
		print "ksyms_text:"
		for (i = 0; i < n; i++)
			print "\t.asciz \"" name[i] "\""
		print "\t.section .note.GNU-stack, \"\", @progbits"
	}' > "$out.syms.S"
$cc -c -o "$out.syms.o" "$out.syms.S"
# shellcheck disable=SC2086
$cc $flags -o "$out" "$@" "$out.syms.o"
rm -f "$out.1"
