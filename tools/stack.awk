# stack.awk: the deepest stack of each entry, from what gcc says of each function (-fcallgraph-info=su). See tools/stack.
#
# First come the hand-written declarations (stack.def), then lines "assign MEMBER FILE FUNCTION" that say which functions
# a member may point to, then the .ci files.
function complain(text) { print "stack: " text; bad = 1 }

# The function's name as the call graph has it: its own file's static one goes before a global one.
function resolve(name, file) { return (file ":" name) in size ? file ":" name : name }

# Which functions the call at file:line:column may reach: by the name of the member or variable that is called.
function pointees(place, function_name,    p, line, text, n, i, list, member) {
	split(place, p, ":")
	text = ""
	while ((getline line < p[1]) > 0)
		if (++n == p[2]) { text = line; break }
	close(p[1])
	list = ""
	# Without the direct calls each "name(" that is left, and has targets, is meant.
	while (match(text, /([A-Za-z_]+->)?[A-Za-z_][A-Za-z_0-9]*\(/)) {
		member = substr(text, RSTART, RLENGTH - 1)
		if (!(member in targets))
			sub(/^.*->/, "", member)
		if (member in targets && index(list, " " member " ") == 0)
			list = list " " member " "
		text = substr(text, RSTART + RLENGTH)
	}
	if (list == "")
		complain(place ": nobody says what is called there, in " function_name " (tools/stack.def)")
	return list
}

/^assign / { targets[$2] = targets[$2] " " $3 ":" $4; next }
/^bounded / { bounded[$2 " " $3] = $4; next }
/^extern / { external[$2] = $3; next }
/^entry / { entries[++entry_count] = $2; limit[$2] = stack_size - $3; next }
/^#|^$/ { next }
/^graph:/ { split($0, q, "\""); file = q[2]; next }
/^node:/ {
	split($0, q, "\"")
	if (q[4] ~ /bytes \(/) {
		bytes = q[4]
		sub(/ bytes \(.*/, "", bytes)
		sub(/.*\\n/, "", bytes)
		size[q[2]] = bytes + 8 # and the return address
		if (q[4] ~ /\(dynamic\)/)
			complain(q[2] ": its frame has no bound")
	}
	next
}
/^edge:/ {
	split($0, q, "\"")
	if (q[4] == "__indirect_call")
		indirect[q[2]] = indirect[q[2]] " " q[6]
	else
		calls[q[2]] = calls[q[2]] " " q[4]
	next
}

# Depth first: deepest[f] is the size below and with f; a function that is met again on the way is recursion.
function visit(f, path,    i, n, list, best, d, p, m, names, k, parts, to, file) {
	if (f in deepest)
		return deepest[f]
	if (!(f in size)) {
		if (f in external)
			return deepest[f] = external[f]
		if (f !~ /^(memcpy|memset|memmove|memcmp|__builtin_unreachable)$/ && !(f in missing)) {
			missing[f] = 1
			complain(f ": nothing is known of it (tools/stack.def)")
		}
		return deepest[f] = 64
	}
	active[f] = 1
	best = 0
	next_of[f] = ""
	n = split(calls[f], list, " ")
	for (i = 1; i <= n; i++)
		edge_to[f, i] = list[i]
	edge_count[f] = n
	n = split(indirect[f], list, " ")
	for (i = 1; i <= n; i++) {
		m = split(pointees(list[i], f), names, " ")
		for (k = 1; k <= m; k++) {
			p = split(targets[names[k]], parts, " ")
			for (d = 1; d <= p; d++) {
				to = parts[d]
				sub(/^.*:/, "", to)
				file = parts[d]
				sub(/:[^:]*$/, "", file)
				to = resolve(to, file)
				# A member of another structure that holds no function has the same name.
				if (to in size)
					edge_to[f, ++edge_count[f]] = to
			}
		}
	}
	for (i = 1; i <= edge_count[f]; i++) {
		to = edge_to[f, i]
		if (to in active) {
			if (!((f " " to) in bounded))
				complain("recursion without a bound: " path " " f " " to)
			else {
				used[f " " to] = 1
				# Each further round takes what lies between the two again, at most the size of both.
				d = (bounded[f " " to] - 1) * (size[f] + size[to])
				if (d > best) { best = d; next_of[f] = to "..." }
			}
			continue
		}
		d = visit(to, path " " f)
		if (d > best) { best = d; next_of[f] = to }
	}
	delete active[f]
	return deepest[f] = best + size[f]
}

END {
	for (e = 1; e <= entry_count; e++) {
		f = entries[e]
		if (!(f in size)) {
			for (name in size)
				if (name ~ ":" f "$")
					f = name
		}
		d = visit(f, "")
		printf "stack: %s takes %d bytes at most, and may take %d\n", entries[e], d, limit[entries[e]]
		if (verbose || d > limit[entries[e]])
			for (at = f; at != ""; at = next_of[at])
				printf "    %6d %s\n", size[at], at
		if (d > limit[entries[e]])
			bad = 1
	}
	for (b in bounded)
		if (!(b in used))
			complain("bounded " b ": there is no such recursion (any more)")
	exit bad
}
