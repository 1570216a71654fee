# 视图工作簿里的文字。

# 文件属性里的备注。
view-comment = 由 Daybook 生成，版本 { $revision }。灰色单元格不能修改。

# 含有遮盖内容的列，标题上的批注。
view-masked-note = 本列部分内容已遮盖：您没有查看完整内容的权限。遮盖的单元格不能修改。

# 下拉列表的出错提示（标题不超过 32 个字符）。
view-choice-title = 不在列表中
view-choice-message = 请从下拉列表中选择一项。

# 过长文字被截断时，单元格末尾的标记，以及报告。
view-cut-mark = …（已截断）
view-cut-message = 文字超过一个单元格能容纳的 { $limit } 个字符，视图中只显示开头部分，该单元格已锁定。账本中的内容完整无缺。
view-cut-hint = 要修改全文，请使用 `daybook record set` 或控制台。

# 是非值。
view-yes = 是
view-no = 否
