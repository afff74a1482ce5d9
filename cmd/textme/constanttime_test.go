package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// secretWord is in the names of what an outsider must not find out byte by byte.
var secretWord = regexp.MustCompile(`^(signature|h?mac|token|secret|digest|hash|password|sum)(e?s)?$`)

// leaky are functions of two arguments that end where these begin to differ.
var leaky = []string{"Equal", "EqualFold", "Compare", "DeepEqual"}

// constantTime are the packages whose functions of such a name do not.
var constantTime = []string{"hmac", "subtle"}

// leakyComparisons lists where a file, or its code if that is given, compares something
// with a secret word in its name in a way that ends at the first difference. Nil, "" and
// other literals, and lengths, are no secrets.
func leakyComparisons(path string, code any) (found []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, code, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	note := func(at ast.Node, operands ...ast.Expr) {
		if !slices.ContainsFunc(operands, isKnown) && slices.ContainsFunc(operands, isSecret) {
			found = append(found, files.Position(at.Pos()).String())
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				note(n, n.X, n.Y)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil {
				for _, clause := range n.Body.List {
					for _, value := range clause.(*ast.CaseClause).List {
						note(value, n.Tag, value)
					}
				}
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 2 && slices.Contains(leaky, f.Sel.Name) && !slices.Contains(constantTime, nameOf(f.X)) {
				note(n, n.Args...)
			}
		}
		return true
	})
	return found, nil
}

// isKnown reports whether anybody knows the operand, so that nothing can leak of what it
// is compared with.
func isKnown(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.BasicLit:
		return true
	case *ast.CallExpr:
		return slices.Contains([]string{"len", "cap"}, nameOf(e.Fun))
	default:
		return slices.Contains([]string{"nil", "true", "false"}, nameOf(e))
	}
}

// isSecret reports whether the operand, or what it is made from, is named like a secret.
func isSecret(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.StarExpr:
		return isSecret(e.X)
	case *ast.UnaryExpr:
		return isSecret(e.X)
	case *ast.IndexExpr:
		return isSecret(e.X)
	case *ast.SliceExpr:
		return isSecret(e.X)
	case *ast.CallExpr:
		return isSecret(e.Fun) || slices.ContainsFunc(e.Args, isSecret)
	default:
		return slices.ContainsFunc(wordsOf(nameOf(e)), secretWord.MatchString)
	}
}

// nameOf is what a variable, a field or a function is called, "" for anything else.
func nameOf(e ast.Expr) string {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

var (
	capitalsEnd = regexp.MustCompile(`([A-Z])([A-Z][a-z])`)
	smallEnd    = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// wordsOf splits a name, in small letters and without digits.
func wordsOf(name string) []string {
	name = smallEnd.ReplaceAllString(capitalsEnd.ReplaceAllString(name, "$1 $2"), "$1 $2")
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
}

// Row S6: nowhere is a signature, a token or the like compared in a way whose time may
// tell how much of it was right. The linter has no rule for this but that against
// bytes.Equal.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	files := 0
	must(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() != ".." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files++
		found, err := leakyComparisons(path, nil)
		for _, f := range found {
			t.Errorf("%s: compare it with hmac.Equal or subtle.ConstantTimeCompare", f)
		}
		return err
	}))
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}

func TestLeakyComparisons(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		code string
		want int
	}{
		"a name":                 {`_ = signature == want`, 1},
		"unequal":                {`_ = want != token`, 1},
		"a field":                {`_ = want == request.CSRFToken`, 1},
		"several":                {`_ = a == mac && digests[0] == b`, 2},
		"a call":                 {`_ = h.HashToken(x) == want`, 1},
		"an argument":            {`_ = string(passwordHash) == want`, 1},
		"a sum of one":           {`_ = sha256.Sum256(token) == want`, 1},
		"a part":                 {`_ = sum[:] == want || secret[0] == want`, 2},
		"pointed to":             {`_ = *sessionTOKEN == (want)`, 1},
		"a function that leaks":  {`_ = bytes.Equal(mac, want) || strings.EqualFold(want, c.Secret) || slices.Equal(want, token)`, 3},
		"bytewise":               {`_ = bytes.Compare(mac, want) == 0`, 1},
		"a choice":               {"switch token {\ncase want:\n}", 1},
		"whether there is one":   {`_ = token == "" || mac != nil || len(secret) == len(want) || c.hashes == 0`, 0},
		"in constant time":       {`_ = hmac.Equal(mac, want) && subtle.ConstantTimeCompare(token, want) == 1`, 0},
		"other words":            {`_ = machine == want || tokenizer == want || part == want`, 0},
		"about one":              {`_ = err == errToken.Cause || token.Len == n`, 0},
		"a choice of conditions": {"switch {\ncase token == \"\":\n}", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := leakyComparisons("x.go", "package x\nfunc f() {\n"+tt.code+"\n}")
			must(t, err)
			if len(got) != tt.want {
				t.Errorf("%s: got %q, want %d", tt.code, got, tt.want)
			}
		})
	}
}
