package main

import (
	"context"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// The libraries that Argo CD opens for scripts from its ConfigMap. Of `os` it lets through `time` and `date` only.
var libraries = map[string]lua.LGFunction{
	lua.LoadLibName: lua.OpenPackage,
	lua.BaseLibName: lua.OpenBase,
	lua.TabLibName:  lua.OpenTable,
	lua.OsLibName:   lua.OpenOs,
}

const patience = time.Second // Argo CD's own limit

// runLua runs a script with the object as global `obj`, and returns what the script returns.
func runLua(script string, object map[string]any) (any, error) {
	vm := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer vm.Close()
	for _, name := range []string{lua.LoadLibName, lua.BaseLibName, lua.TabLibName, lua.OsLibName} {
		vm.Push(vm.NewFunction(libraries[name]))
		vm.Push(lua.LString(name))
		vm.Call(1, 0)
	}
	system := vm.GetGlobal(lua.OsLibName).(*lua.LTable)
	system.ForEach(func(name, _ lua.LValue) {
		if name.String() != "time" && name.String() != "date" {
			system.RawSet(name, lua.LNil)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	vm.SetContext(ctx)
	vm.SetGlobal("obj", toLua(vm, object))
	if err := vm.DoString(script); err != nil {
		return nil, err
	}
	return fromLua(vm.Get(-1))
}

func toLua(vm *lua.LState, value any) lua.LValue {
	switch known := value.(type) {
	case bool:
		return lua.LBool(known)
	case int64:
		return lua.LNumber(known)
	case float64:
		return lua.LNumber(known)
	case string:
		return lua.LString(known)
	case []any:
		table := vm.CreateTable(len(known), 0)
		for _, item := range known {
			table.Append(toLua(vm, item))
		}
		return table
	case map[string]any:
		table := vm.CreateTable(0, len(known))
		for key, item := range known {
			table.RawSetString(key, toLua(vm, item))
		}
		return table
	default:
		return lua.LNil
	}
}

// An empty table comes out as a list, as in Argo CD.
func fromLua(value lua.LValue) (any, error) {
	switch known := value.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(known), nil
	case lua.LNumber:
		return float64(known), nil
	case lua.LString:
		return string(known), nil
	case *lua.LTable:
		return fromTable(known)
	default:
		return nil, fmt.Errorf("a script cannot return a %s", value.Type())
	}
}

func fromTable(table *lua.LTable) (any, error) {
	list, object := make([]any, 0, table.Len()), map[string]any{}
	var failed error
	table.ForEach(func(key, value lua.LValue) {
		item, err := fromLua(value)
		if err != nil {
			failed = err
		}
		if name, ok := key.(lua.LString); ok {
			object[string(name)] = item
		} else {
			list = append(list, item)
		}
	})
	if len(object) > 0 {
		return object, failed
	}
	return list, failed
}
