package exchange

import (
	"reflect"
	"testing"
)

// TestTakeInto holds that what was told once is not told again, whatever lists an
// Outcome has, and that Take and TakeInto tell the same.
func TestTakeInto(t *testing.T) {
	s := New(Config{}, nil)
	fill := func() (lists int) {
		v := reflect.ValueOf(&s.out).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Slice {
				f.Set(reflect.MakeSlice(f.Type(), 2, 2))
				lists++
			}
		}
		s.out.Answered = true
		return lists
	}
	said := func(o Outcome) (lists int) {
		v := reflect.ValueOf(o)
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Slice && f.Len() == 2 {
				lists++
			} else if f.Kind() == reflect.Slice && f.Len() > 0 {
				t.Errorf("%s has %d", v.Type().Field(i).Name, f.Len())
			}
		}
		return lists
	}
	var o Outcome
	for range 3 {
		want := fill()
		if s.TakeInto(&o); said(o) != want || !o.Answered {
			t.Fatalf("%d of %d lists were told", said(o), want)
		}
		if s.TakeInto(&o); said(o) != 0 || o.Answered {
			t.Fatalf("%d lists were told twice", said(o))
		}
	}
	if want := fill(); said(s.Take()) != want || said(s.Take()) != 0 {
		t.Fatal("Take tells another thing than TakeInto")
	}
}
